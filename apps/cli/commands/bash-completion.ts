/**
 * For bash alone and by hand: the script that the completion library prints needs the package bash-completion, leaves
 * files out, and cannot be sourced twice. Where files are wanted nothing is suggested, and readline completes them
 * itself (`-o default`), with its own rules for quotes, `~` and `=`.
 *
 * readline cuts words at `=` and `:`; `beacon complete` wants them whole, up to the cursor. What stands in them is
 * passed on as it is: nothing of a line that is still being written is evaluated.
 */
export const BASH_COMPLETION = `# bash completion for beacon

__beacon_complete() {
    local rest=\${COMP_LINE:0:COMP_POINT} cur=$2 word value kept= i
    local -a words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        if [[ $i -eq 0 || $rest == [[:space:]]* ]]; then
            words+=("")
            rest=\${rest#"\${rest%%[![:space:]]*}"}
        fi
        # The cursor may be inside of the last.
        if [[ $i -eq $COMP_CWORD ]]; then word=$rest; fi
        words[\${#words[@]} - 1]+=$word
        rest=\${rest#"$word"}
    done
    COMPREPLY=()
    # Of a word like --policy=p readline replaces what stands after the sign, unless it was told not to cut there.
    if [[ $cur == --*=* ]]; then
        kept=\${cur%%=*}=
        cur=\${cur#*=}
    fi
    while IFS=$'\\t' read -r value _; do
        if [[ $value == :0 ]]; then return; fi
        if [[ $value != :* && $value == "$cur"* ]]; then COMPREPLY+=("$kept$value"); fi
    done < <(beacon complete -- "\${words[@]:1}" 2>/dev/null)
    # Nothing but what is suggested; bash before 4 completes files besides.
    compopt +o default 2>/dev/null
}

complete -o default -F __beacon_complete beacon
`;
