/*
 * The part of completion that is the shell's: it asks elfinterp (see complete.ts) and offers what it is told.
 */
export const shells = ['bash', 'zsh', 'fish'] as const;

export const scripts: Readonly<Record<(typeof shells)[number], string>> = {
  bash: `# bash completion of elfinterp
_elfinterp() {
    local current=\${COMP_WORDS[COMP_CWORD]} line more
    [ "$current" != = ] || current=
    COMPREPLY=()
    while IFS=$'\\t' read -r line _; do
        case $line in
        :nothing) ;;
        :files | :directories)
            compopt -o filenames
            [ "$line" = :files ] && more=-f || more=-d
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$more" -- "$current")
            ;;
        *) COMPREPLY+=("$line") ;;
        esac
    done < <("$1" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _elfinterp elfinterp`,
  zsh: `#compdef elfinterp
_elfinterp() {
    local line files tab=$'\\t'
    local -a candidates
    while IFS= read -r line; do
        case $line in
        :nothing) ;;
        :files) files=_files ;;
        :directories) files='_files -/' ;;
        *) candidates+=("\${\${line//:/\\\\:}/$tab/:}") ;;
        esac
    done < <("$words[1]" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
    compset -P '--*='
    candidates=("\${(@)candidates#$IPREFIX}")
    (( ! $#candidates )) || _describe elfinterp candidates
    [[ -z $files ]] || \${=files}
}
if [[ $funcstack[1] = _elfinterp ]]; then _elfinterp "$@"; else compdef _elfinterp elfinterp; fi`,
  fish: `# fish completion of elfinterp
function __elfinterp_complete
    set -l current (commandline --current-token)
    set -l words (commandline --tokenize --cut-at-cursor --current-process) "$current"
    for line in ($words[1] __complete $words[2..] 2>/dev/null)
        switch $line
            case :nothing
            case :files
                __fish_complete_path "$current"
            case :directories
                __fish_complete_directories "$current" ''
            case '*'
                echo $line
        end
    end
end
complete --command elfinterp --no-files --arguments '(__elfinterp_complete)'`,
};
