# Completes the words of `lockstep`; the program itself says what could stand at the cursor.
_lockstep() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <("$1" complete --line "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=,] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o nosort -F _lockstep lockstep 2>/dev/null || complete -F _lockstep lockstep
