/*
 * The part of completion that is the shell's: it asks elfinterp (see complete.ts) and offers what it is told.
 */
export const shells = ['bash', 'zsh', 'fish'] as const;

export const scripts: Readonly<Record<(typeof shells)[number], string>> = {
  bash: `# bash completion of elfinterp
_elfinterp() {
    local current=\${COMP_WORDS[COMP_CWORD]} line more asked=\${1%-patchelf}
    local -a words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
    asked=\${asked%-chrpath}
    [ "$asked" = "$1" ] || words=("\${1##*/}" "\${words[@]}")
    [[ $asked != '~/'* ]] || asked=$HOME\${asked:1}
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
    done < <("$asked" __complete "\${words[@]}" 2>/dev/null)
}
complete -F _elfinterp elfinterp elfinterp-patchelf elfinterp-chrpath`,
  zsh: `#compdef elfinterp elfinterp-patchelf elfinterp-chrpath
_elfinterp() {
    local line files tab=$'\\t' asked=\${\${words[1]%-patchelf}%-chrpath}
    local -a name
    [[ $asked = $words[1] ]] || name=("\${words[1]:t}")
    [[ $asked != '~/'* ]] || asked=$HOME\${asked:1}
    local -a candidates
    while IFS= read -r line; do
        case $line in
        :nothing) ;;
        :files) files=_files ;;
        :directories) files='_files -/' ;;
        *) candidates+=("\${\${line//:/\\\\:}/$tab/:}") ;;
        esac
    done < <("$asked" __complete $name "\${(@)words[2,CURRENT]}" 2>/dev/null)
    compset -P '--*='
    candidates=("\${(@)candidates#$IPREFIX}")
    (( ! $#candidates )) || _describe elfinterp candidates
    [[ -z $files ]] || \${=files}
}
if [[ $funcstack[1] = _elfinterp ]]; then _elfinterp "$@"; else compdef _elfinterp elfinterp elfinterp-patchelf elfinterp-chrpath; fi`,
  fish: `# fish completion of elfinterp
function __elfinterp_complete
    set -l current (commandline --current-token)
    set -l words (commandline --tokenize --cut-at-cursor --current-process) "$current"
    set -l asked (string replace --regex -- '-(patchelf|chrpath)$' '' $words[1])
    set -l name
    test $asked = $words[1]; or set name (path basename $words[1])
    set asked (string replace --regex -- '^~/' "$HOME/" $asked)
    type --query $asked; or return
    for line in ($asked __complete $name $words[2..] 2>/dev/null)
        switch $line
            case :nothing
            case :files
                # As for a command that fish knows nothing of; __fish_complete_path does not expand ~.
                complete --do-complete "__elfinterp_files $current"
            case :directories
                __fish_complete_directories "$current" ''
            case '*'
                echo $line
        end
    end
end
for name in elfinterp elfinterp-patchelf elfinterp-chrpath
    complete --command $name --no-files --arguments '(__elfinterp_complete)'
end`,
};
