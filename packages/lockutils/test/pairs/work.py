"""What the pairs do under their locks: say so, and go on at the next line of the input."""
import os


def work():
    print('working', flush=True)
    while os.read(0, 1) not in (b'\n', b''):
        pass
    print('worked', flush=True)
