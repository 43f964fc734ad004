/** The shells that lockutils completes words for. */
export const shells = ['bash', 'zsh', 'fish'] as const;

/** The word that a completion script gives to lockutils, and the words of the line up to the cursor behind it. */
export const completeWord = '__complete';

// Each script asks lockutils itself. The first line of the answer is `words`, `files`, `directories`, or `command N`: a
// command begins at word N, counted from 0 behind "lockutils". The lines after `words` are "word<tab>meaning".

// Bash breaks words at ":" and "=" too, and replaces only what follows the last of them. So the words are put together
// again first, and what stands before the last break is cut from each answer. Works from bash 3.2 on, which macOS has.
const bash = `# bash completion for lockutils
_lockutils() {
    local rest=$COMP_LINE word cur i n=0 words=() at=() lines=() line kind keep IFS=$'\\n'
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        if [[ $i -eq 0 || $rest == [[:space:]]* ]]; then
            rest=\${rest#"\${rest%%[![:space:]]*}"}
            words[n]=$word at[n]=$i n=$((n + 1))
        else
            words[n - 1]=\${words[n - 1]}$word
        fi
        rest=\${rest#"$word"}
    done
    cur=\${words[n - 1]}
    COMPREPLY=()
    while read -r line; do lines+=("$line"); done < <("$1" ${completeWord} "\${words[@]:1}" 2>/dev/null)
    kind=\${lines[0]}
    case $kind in
    files | directories)
        [[ $kind == files ]] && kind=-f || kind=-d
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen "$kind" -- "\${cur##*=}"))
        ;;
    command*)
        i=$((\${kind#command } + 1))
        if declare -F _command_offset >/dev/null; then
            unset IFS
            _command_offset "\${at[i]}"
        elif [[ $i -eq $((n - 1)) ]]; then
            COMPREPLY=($(compgen -c -- "$cur"))
        else
            compopt -o filenames 2>/dev/null
            COMPREPLY=($(compgen -f -- "$cur"))
        fi
        ;;
    words)
        keep=
        [[ $COMP_WORDBREAKS == *:* && $cur == *:* ]] && keep=\${cur%"\${cur##*:}"}
        [[ -z $keep && $COMP_WORDBREAKS == *=* && $cur == *=* ]] && keep=\${cur%"\${cur##*=}"}
        for line in "\${lines[@]:1}"; do
            word=\${line%%$'\\t'*}
            [[ $word == "$cur"* ]] || continue
            word=\${word#"$keep"}
            # Behind these, more follows.
            case $word in */ | *=) compopt -o nospace 2>/dev/null ;; esac
            COMPREPLY+=("$(printf %q "$word")")
        done
        ;;
    esac
}
complete -F _lockutils lockutils
`;

const zsh = `#compdef lockutils
_lockutils() {
    local -a lines values
    local line
    lines=("\${(@f)$("\${(Q)words[1]}" ${completeWord} "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
    case $lines[1] in
    files)
        compset -P '--*='
        _files
        ;;
    directories)
        compset -P '--*='
        _files -/
        ;;
    command*)
        shift $((\${lines[1]#command } + 1)) words
        CURRENT=$((CURRENT - \${lines[1]#command } - 1))
        _normal
        ;;
    words)
        for line in "\${(@)lines[2,-1]}"; do
            values+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
        done
        _describe lockutils values
        ;;
    esac
}
if [[ $funcstack[1] == _lockutils ]]; then
    _lockutils "$@"
else
    compdef _lockutils lockutils
fi
`;

const fish = `# fish completion for lockutils
function __lockutils_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l lines ($words[1] ${completeWord} $words[2..-1] "$cur" 2>/dev/null)
    switch "$lines[1]"
        case files
            set -l at (string match -r -- '^--[^=]*=' $cur)
            for path in (__fish_complete_path (string replace -- "$at" '' $cur))
                echo "$at$path"
            end
        case directories
            set -l at (string match -r -- '^--[^=]*=' $cur)
            for path in (__fish_complete_directories (string replace -- "$at" '' $cur))
                echo "$at$path"
            end
        case 'command *'
            set -l from (math (string replace 'command ' '' $lines[1]) + 2)
            set -l line $cur
            if test $from -le (count $words)
                set line (string join ' ' -- (string escape -- $words[$from..-1]) $cur)
            end
            complete -C $line
        case words
            string join \\n -- $lines[2..-1]
    end
end
complete -c lockutils -f -a '(__lockutils_complete)'
`;

/** The completion script of each shell. */
export const completionScripts: { readonly [shell in (typeof shells)[number]]: string } = { bash, zsh, fish };
