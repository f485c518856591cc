# Completes the words of `lockstep`; the program itself says what could stand at the cursor.
function __lockstep_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l plain (string unescape -- "$current")
    test -n "$plain"; or set plain "$current"
    command $words[1] complete -- $words[2..-1] "$plain" 2>/dev/null
end
complete -c lockstep -e
complete -c lockstep -f -k -a '(__lockstep_complete)'
