#compdef lockstep
# Completes the words of `lockstep`; the program itself says what could stand at the cursor.
_lockstep() {
    local line
    local -a done more
    for line in "${(@f)$(${~words[1]} complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        local value=${line%%$'\t'*} what=${line#*$'\t'}
        [[ $line == *$'\t'* ]] || what=
        local entry=${value//:/\\:}${what:+:$what}
        case $value in
            *[/=,]) more+=("$entry") ;;
            *) done+=("$entry") ;;
        esac
    done
    _describe -V lockstep done -- more -S ''
}
if [ "$funcstack[1]" = _lockstep ]; then
    _lockstep "$@"
else
    compdef _lockstep lockstep
fi
