from oslo_concurrency import lockutils
from work import work


class Ledger:
    name = 'mine'

    @lockutils.synchronized('ledger', external=True)
    def append(self, entry):
        work()
        return f'{self.name} {entry}'


print(Ledger().append('a'))
