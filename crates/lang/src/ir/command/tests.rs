//! Tests of the word analysis as text; `runtime::process` tests it against real shells.
//! A command is written with `‹x›` for a value, `‹x*›` for a list and `‹x!›` for a secret.

use proptest::strategy::Strategy as _;

use super::notation::pieces;
use super::*;
use crate::eval::ExprKind;
use crate::eval::Slot;
use lockstep_base::diagnostic::{Code, codes};
use lockstep_base::source::{FileId, Span};
use lockstep_base::value::{SecretPart, Value};

fn refused(text: &str, bash: bool) -> Vec<Code> {
    match analyse(&pieces(text), bash, &Default::default()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| problem.code).collect(),
    }
}

/// A form as text: `[a] [‹0›b] [‹1›…]` or `sh: …` with `B‹0›`, `Q‹0›` and `S‹0›`.
fn show(text: &str, bash: bool) -> String {
    let slot = |expr: &crate::eval::Expr| match expr.kind {
        ExprKind::Local(Slot(slot)) => format!("‹{slot}›"),
        _ => panic!("only locals are made here"),
    };
    match analyse(&pieces(text), bash, &Default::default()) {
        Err(problems) => format!("{problems:#?}"),
        Ok(Analysed {
            form: Form::Transfer(_),
            ..
        }) => panic!("no text is a transfer"),
        Ok(Analysed {
            form: Form::Direct(words),
            ..
        }) => {
            let word = |word: &CommandWord| match word {
                CommandWord::Spread(expr) => format!("[{}…]", slot(expr)),
                CommandWord::One(parts) => {
                    let part = |part: &TextPart| match part {
                        TextPart::Text(text) => text.to_string(),
                        TextPart::Value(expr) => slot(expr),
                    };
                    format!("[{}]", parts.iter().map(part).collect::<String>())
                }
            };
            words.iter().map(word).collect::<Vec<_>>().join(" ")
        }
        Ok(Analysed {
            form: Form::Shell { bash, script },
            ..
        }) => {
            let part = |part: &ScriptPart| match part {
                ScriptPart::Text(text) => text.to_string(),
                ScriptPart::Bare(expr) => format!("B{}", slot(expr)),
                ScriptPart::Quoted(expr) => format!("Q{}", slot(expr)),
                ScriptPart::Spread(expr) => format!("S{}", slot(expr)),
            };
            let shell = if bash { "bash" } else { "sh" };
            format!("{shell}: {}", script.iter().map(part).collect::<String>())
        }
    }
}

#[test]
fn plain_words_need_no_shell() {
    for (text, words) in [
        ("make", "[make]"),
        ("\n  make -j 8\t all \n", "[make] [-j] [8] [all]"),
        ("git tag ‹x›", "[git] [tag] [‹0›]"),
        (
            "git tag v‹x›-‹y› \"a ‹z›\"",
            "[git] [tag] [v‹0›-‹1›] [a ‹2›]",
        ),
        ("deploy ‹x*›", "[deploy] [‹0›…]"),
        ("a '' \"\" 'b c'd\\ e", "[a] [] [] [b cd e]"),
        (
            "a \"\\$x \\` \\\" \\\\ \\n\" '\\n'",
            "[a] [$x ` \" \\ \\n] [\\n]",
        ),
        ("kubectl \\\n  apply -f ‹x›", "[kubectl] [apply] [-f] [‹0›]"),
        ("ma\\\nke", "[make]"),
        (
            "a b#c {d,e} {} ! then if=1 x~ %s @ + , : é",
            "[a] [b#c] [{d,e}] [{}] [!] [then] [if=1] [x~] [%s] [@] [+] [,] [:] [é]",
        ),
        ("./run.sh --flag=‹x›", "[./run.sh] [--flag=‹0›]"),
        ("/bin/echo hi", "[/bin/echo] [hi]"),
        ("'make' \"all\"", "[make] [all]"),
    ] {
        assert_eq!(show(text, false), words, "{text}");
    }
}

#[test]
fn everything_else_is_a_script_as_it_stands() {
    for text in [
        "a; b",
        "a && b",
        "a | b",
        "a & b",
        "a > f",
        "a 2>&1",
        "a < f",
        "a *.txt",
        "a ?",
        "a [ab]",
        "a ~",
        "a ~/x",
        "a b=~",
        "a $x",
        "a \"$x\"",
        "a ${x}",
        "a $(b)",
        "a `b`",
        "A=1 b",
        "a # b",
        "# b\na",
        "a\nb",
        "(a)",
        "{ a; }",
        "! a",
        "if a; then b; fi",
        "echo a",
        "cd /",
        "printf x",
        "[ a ]",
        "\"echo\" a",
        "\\cd /",
        "'' a",
        "time a",
        "f() { a; }",
        "a $",
        "true",
        ":",
        ". a",
        "a \\",
        "a=b",
        "function f { a; }",
        "exit 3",
        "(( 1 + 2 ))",
        "((1))",
    ] {
        assert_eq!(show(text, false), format!("sh: {text}"), "{text}");
    }
    assert_eq!(show("a b", true), "bash: a b");
    assert_eq!(show("a ‹x› {b,‹y›}", true), "bash: a B‹0› {b,B‹1›}");
}

#[test]
fn values_in_scripts_are_quoted_as_their_place_needs() {
    for (text, script) in [
        ("echo ‹x›", "echo B‹0›"),
        ("echo a‹x›b \"c ‹y›\" ‹z*›", "echo aB‹0›b \"c Q‹1›\" S‹2›"),
        ("T=‹x!› curl", "T=B‹0› curl"),
        (
            "echo \"Bearer ‹x!›\" | curl -H @-",
            "echo \"Bearer Q‹0›\" | curl -H @-",
        ),
        ("A=‹x› b; C=d‹y› e", "A=B‹0› b; C=dB‹1› e"),
        ("echo \"$(cat ‹x›)\"", "echo \"$(cat B‹0›)\""),
        (
            "echo \"$(cat \"a‹x›\")‹y›\"",
            "echo \"$(cat \"aQ‹0›\")Q‹1›\"",
        ),
        ("a > ‹x› 2>>‹y› <‹z› >&‹w›", "a > B‹0› 2>>B‹1› <B‹2› >&B‹3›"),
        ("tee >‹x› 2>>\"‹y›\" <‹z›", "tee >B‹0› 2>>\"Q‹1›\" <B‹2›"),
        (
            "cat <<E\na ‹x› \"‹y›\" $(b ‹z›)\nE\necho ‹w›",
            "cat <<E\na Q‹0› \"Q‹1›\" $(b B‹2›)\nE\necho B‹3›",
        ),
        (
            "cat <<-E; echo ‹x›\n\tE‹y›\n\tE\necho ‹z›",
            "cat <<-E; echo B‹0›\n\tEQ‹1›\n\tE\necho B‹2›",
        ),
        (
            "cat <<A <<'B'\n‹x›\nA\n$y `\nB\necho ‹z›",
            "cat <<A <<'B'\nQ‹0›\nA\n$y `\nB\necho B‹1›",
        ),
        (
            "echo ${u:-‹x›} \"${u:-‹y›}\"",
            "echo ${u:-B‹0›} \"${u:-Q‹1›}\"",
        ),
        ("echo ${u#‹x›} \"${u%‹y›}\"", "echo ${u#B‹0›} \"${u%B‹1›}\""),
        (
            "echo ${u:-\"‹x›\"} \"${u:-\"‹y›\"}\" \"${u#\"‹z›\"}\"",
            "echo ${u:-\"Q‹0›\"} \"${u:-\"Q‹1›\"}\" \"${u#\"Q‹2›\"}\"",
        ),
        (
            "case ‹x› in a|‹y›) b ‹z›;; (c) d;; *) e ‹w› ;; esac; f ‹v›",
            "case B‹0› in a|B‹1›) b B‹2›;; (c) d;; *) e B‹3› ;; esac; f B‹4›",
        ),
        (
            "echo $(case a in a) b ‹x›;; esac) ‹y›",
            "echo $(case a in a) b B‹0›;; esac) B‹1›",
        ),
        (
            "for h in ‹x*› a ‹y›; do ssh-it $h ‹z›; done",
            "for h in S‹0› a B‹1›; do ssh-it $h B‹2›; done",
        ),
        ("for h\ndo a ‹x›\ndone", "for h\ndo a B‹0›\ndone"),
        (
            "while a ‹x›; do b ‹y›; done; until c; do d; done",
            "while a B‹0›; do b B‹1›; done; until c; do d; done",
        ),
        (
            "if a ‹x›; then b ‹y›; elif c; then d; else e ‹z›; fi >‹w›",
            "if a B‹0›; then b B‹1›; elif c; then d; else e B‹2›; fi >B‹3›",
        ),
        ("f() { a ‹x›; }; f ‹y›", "f() { a B‹0›; }; f B‹1›"),
        (
            "( a ‹x›; b ) | c ‹y› && ! d ‹z›",
            "( a B‹0›; b ) | c B‹1› && ! d B‹2›",
        ),
        ("a; # not ‹x›\nb ‹y›", "a; # not \nb B‹1›"),
        ("a b#‹x›; c", "a b#B‹0›; c"),
        ("a '#' ‹x› \\# ‹y›; c", "a '#' B‹0› \\# B‹1›; c"),
        (
            "echo `date` ‹x› \"`date` ‹y›\"",
            "echo `date` B‹0› \"`date` Q‹1›\"",
        ),
        ("echo $((1 + (2))) ‹x›", "echo $((1 + (2))) B‹0›"),
        (
            "echo $(( $(wc -l <‹x›) + 1 ))",
            "echo $(( $(wc -l <B‹0›) + 1 ))",
        ),
        ("echo $u‹x› \"$u‹y›\"", "echo $uB‹0› \"$uQ‹1›\""),
        ("eval \"$(agent ‹x›)\"", "eval \"$(agent B‹0›)\""),
        ("export A=‹x› B=\"‹y›\"", "export A=B‹0› B=\"Q‹1›\""),
        (
            "sh -c 'echo \"$1\"' sh ‹x›; a",
            "sh -c 'echo \"$1\"' sh B‹0›; a",
        ),
        ("sh x.sh ‹x›; a", "sh x.sh B‹0›; a"),
        ("ssh ‹x› uptime; a", "ssh B‹0› uptime; a"),
        (
            "ssh -p 22 -l ‹x› ‹y› uptime; a",
            "ssh -p 22 -l B‹0› B‹1› uptime; a",
        ),
        ("trap 'rm x' ‹x›", "trap 'rm x' B‹0›"),
        ("read -p ‹x› y", "read -p B‹0› y"),
        ("command -v ‹x›", "command -v B‹0›"),
        ("[ ‹x› = a ] && test -n ‹y›", "[ B‹0› = a ] && test -n B‹1›"),
        ("echo a \\\n ‹x›", "echo a \\\n B‹0›"),
    ] {
        assert_eq!(show(text, false), format!("sh: {script}"), "{text}");
    }
    for (text, script) in [
        (
            "cat <<< ‹x› 2>&1 &>‹y› b ‹z›",
            "cat <<< B‹0› 2>&1 &>B‹1› b B‹2›",
        ),
        ("diff <(a ‹x›) >(b ‹y›)", "diff <(a B‹0›) >(b B‹1›)"),
        (
            "a=(‹x*› b ‹y› [k]=‹z›); a+=(‹w›)",
            "a=(S‹0› b B‹1› [k]=B‹2›); a+=(B‹3›)",
        ),
        (
            "[[ ‹x› == ‹y› && -n ‹z› || ( a =~ ^(b|‹w›)$ ) ]]; c ‹v›",
            "[[ B‹0› == B‹1› && -n B‹2› || ( a =~ ^(b|B‹3›)$ ) ]]; c B‹4›",
        ),
        (
            "echo \"${a//‹x›/‹y›}\" \"${a/‹z›/b}\" ${a^^‹w›}",
            "echo \"${a//B‹0›/B‹1›}\" \"${a/B‹2›/b}\" ${a^^B‹3›}",
        ),
        ("echo $'a\\'b' ‹x›", "echo $'a\\'b' B‹0›"),
        (
            "case a in @(a|‹x›)) b;; esac",
            "case a in @(a|B‹0›)) b;; esac",
        ),
        (
            "for ((i = 0; i < 3; i++)); do a ‹x›; done",
            "for ((i = 0; i < 3; i++)); do a B‹0›; done",
        ),
        (
            "for h in a; { b ‹x›; }; c ‹y›",
            "for h in a; { b B‹0›; }; c B‹1›",
        ),
        (
            "function f { a ‹x›; }; f ‹y›",
            "function f { a B‹0›; }; f B‹1›",
        ),
        (
            "echo ${a[0]} ${a[@]} ${#a[@]} ${!a} ‹x›",
            "echo ${a[0]} ${a[@]} ${#a[@]} ${!a} B‹0›",
        ),
        (
            "time -p a ‹x›; coproc b ‹y›",
            "time -p a B‹0›; coproc b B‹1›",
        ),
    ] {
        assert_eq!(show(text, true), format!("bash: {script}"), "{text}");
    }
}

#[test]
fn a_value_that_could_not_be_data_is_refused() {
    use codes::*;
    for (text, code) in [
        ("a 'b ‹x›'", VALUE_IN_SINGLE_QUOTES),
        ("a \"$(b '‹x›')\"", VALUE_IN_SINGLE_QUOTES),
        ("a `b ‹x›`", VALUE_IN_BACKTICKS),
        ("a \"`b ‹x›`\"", VALUE_IN_BACKTICKS),
        ("cat <<'E'\n‹x›\nE", VALUE_IN_QUOTED_HEREDOC),
        ("cat <<\\E\n‹x›\nE\n", VALUE_IN_QUOTED_HEREDOC),
        ("cat <<E\n${a#‹x›}\nE", VALUE_IN_HEREDOC_PATTERN),
        ("cat <<E\n${a#\"‹x›\"}\nE", VALUE_IN_HEREDOC_PATTERN),
        ("echo ${a/b/‹x›}", VALUE_IN_SPLIT_REPLACEMENT),
        ("‹x› a", VALUE_AS_COMMAND),
        ("‹x*›", VALUE_AS_COMMAND),
        ("a‹x› b", VALUE_AS_COMMAND),
        ("\"‹x›\" b", VALUE_AS_COMMAND),
        ("a | ‹x›", VALUE_AS_COMMAND),
        ("a && ‹x›", VALUE_AS_COMMAND),
        ("a || ‹x›", VALUE_AS_COMMAND),
        ("a; ‹x›", VALUE_AS_COMMAND),
        ("a & ‹x›", VALUE_AS_COMMAND),
        ("a\n‹x›", VALUE_AS_COMMAND),
        ("(‹x›)", VALUE_AS_COMMAND),
        ("{ ‹x›; }", VALUE_AS_COMMAND),
        ("! ‹x›", VALUE_AS_COMMAND),
        ("time ‹x›", VALUE_AS_COMMAND),
        ("if ‹x›; then a; fi", VALUE_AS_COMMAND),
        ("if a; then ‹x›; fi", VALUE_AS_COMMAND),
        ("if a; then b; else ‹x›; fi", VALUE_AS_COMMAND),
        ("while a; do ‹x›; done", VALUE_AS_COMMAND),
        ("case a in b) ‹x›;; esac", VALUE_AS_COMMAND),
        ("A=1 ‹x›", VALUE_AS_COMMAND),
        (">a ‹x›", VALUE_AS_COMMAND),
        ("a &>f ‹x›", VALUE_AS_COMMAND),
        ("‹x›=1", VALUE_AS_COMMAND),
        ("a[‹x›]=1", VALUE_AS_COMMAND),
        ("echo $(‹x›)", VALUE_AS_COMMAND),
        ("echo \"$(‹x›)\"", VALUE_AS_COMMAND),
        ("f() { ‹x›; }", VALUE_AS_COMMAND),
        ("exec ‹x›", VALUE_AS_COMMAND),
        ("exec -a b ‹x›", VALUE_AS_COMMAND),
        ("command ‹x›", VALUE_AS_COMMAND),
        ("echo $((‹x› + 1))", VALUE_IN_ARITHMETIC),
        ("echo \"$((‹x› + 1))\"", VALUE_IN_ARITHMETIC),
        ("echo $((${a:-‹x›}))", VALUE_IN_ARITHMETIC),
        ("echo $((1 + $(a ‹y›) + \"‹x›\"))", VALUE_IN_ARITHMETIC),
        ("((a = ‹x›))", VALUE_IN_ARITHMETIC),
        ("echo ${a:‹x›:1}", VALUE_IN_ARITHMETIC),
        ("echo ${a[‹x›]}", VALUE_IN_ARITHMETIC),
        ("echo $[‹x›]", VALUE_IN_ARITHMETIC),
        ("let a=‹x›", VALUE_IN_ARITHMETIC),
        ("declare -i a=‹x›", VALUE_IN_ARITHMETIC),
        ("[[ ‹x› -eq 1 ]]", VALUE_IN_ARITHMETIC),
        ("[[ 1 -lt \"‹x›\" ]]", VALUE_IN_ARITHMETIC),
        ("a=([‹x›]=1)", VALUE_IN_ARITHMETIC),
        ("cat <<‹x›\na\n", VALUE_AS_MARK),
        ("cat <<E‹x›\na\nE\n", VALUE_AS_MARK),
        ("echo ${‹x›}", VALUE_AS_VARIABLE),
        ("echo ${a‹x›}", VALUE_AS_VARIABLE),
        ("echo \"${‹x›:-b}\"", VALUE_AS_VARIABLE),
        ("for ‹x› in a; do b; done", VALUE_AS_VARIABLE),
        ("export ‹x›", VALUE_AS_VARIABLE),
        ("export ‹x›=1", VALUE_AS_VARIABLE),
        ("unset ‹x›", VALUE_AS_VARIABLE),
        ("read -r ‹x›", VALUE_AS_VARIABLE),
        ("printf -v ‹x› a", VALUE_AS_VARIABLE),
        ("[ -v ‹x› ]", VALUE_AS_VARIABLE),
        ("[[ -v ‹x› ]]", VALUE_AS_VARIABLE),
        ("declare a[‹x›]=1", VALUE_AS_VARIABLE),
        ("echo $‹x›", VALUE_AFTER_MARK),
        ("echo \"$‹x›\"", VALUE_AFTER_MARK),
        ("make \\‹x›", VALUE_AFTER_MARK),
        ("make \"\\‹x›\"", VALUE_AFTER_MARK),
        ("cat <<E\n\\‹x›\nE", VALUE_AFTER_MARK),
        ("cat <<E\n$‹x›\nE", VALUE_AFTER_MARK),
        ("echo ${a:-\\‹x›}", VALUE_AFTER_MARK),
        ("eval ‹x›", VALUE_AS_CODE),
        ("eval \"a ‹x›\"", VALUE_AS_CODE),
        ("command eval ‹x›", VALUE_AS_CODE),
        ("sh -c ‹x›", VALUE_AS_CODE),
        ("sh -c \"echo ‹x›\"", VALUE_AS_CODE),
        ("bash -euo pipefail -c \"echo ‹x›\"", VALUE_AS_CODE),
        ("sudo -u root /bin/bash -lc \"echo ‹x›\"", VALUE_AS_CODE),
        ("docker exec app sh -c \"echo ‹x›\"; b", VALUE_AS_CODE),
        ("find . -exec sh -c \"echo ‹x›\" {} +", VALUE_AS_CODE),
        ("su - app -c \"echo ‹x›\"", VALUE_AS_CODE),
        ("trap \"rm ‹x›\" EXIT", VALUE_AS_CODE),
        ("alias a=‹x›", VALUE_AS_CODE),
        ("ssh host rm ‹x›", VALUE_OVER_SSH),
        ("ssh -p 22 -i key user@host \"rm ‹x›\"", VALUE_OVER_SSH),
        ("sudo -u app ssh ‹x› rm ‹y›", VALUE_OVER_SSH),
        ("ssh ‹x*›", VALUE_OVER_SSH),
        ("make a‹x*›", LIST_IN_WORD),
        ("make \"‹x*›\"", LIST_IN_WORD),
        ("make \"\"‹x*›", LIST_IN_WORD),
        ("A=‹x*› make", LIST_IN_WORD),
        ("make > ‹x*›", LIST_IN_WORD),
        ("case ‹x*› in a) b;; esac", LIST_IN_WORD),
        ("echo ${a:-‹x*›}", LIST_IN_WORD),
        ("cat <<E\n‹x*›\nE", LIST_IN_WORD),
        ("[[ ‹x*› == a ]]", LIST_IN_WORD),
        ("make 'a", COMMAND_UNCLOSED),
        ("make \"a", COMMAND_UNCLOSED),
        ("make \"a ‹x›", COMMAND_UNCLOSED),
        ("make `a", COMMAND_UNCLOSED),
        ("make $(a", COMMAND_UNCLOSED),
        ("make ${a", COMMAND_UNCLOSED),
        ("make $((1", COMMAND_UNCLOSED),
        ("make $((a) | b)", COMMAND_UNCLOSED),
        ("(a", COMMAND_UNCLOSED),
        ("a)", COMMAND_UNCLOSED),
        ("{ a", COMMAND_UNCLOSED),
        ("if a; then b", COMMAND_UNCLOSED),
        ("for a in b; do c", COMMAND_UNCLOSED),
        ("fi", COMMAND_UNCLOSED),
        ("a; done", COMMAND_UNCLOSED),
        ("case a in b) c", COMMAND_UNCLOSED),
        ("cat <<E\na", COMMAND_UNCLOSED),
        ("cat <<E", COMMAND_UNCLOSED),
        ("a >", COMMAND_UNCLOSED),
        ("", COMMAND_EMPTY),
        ("  \n ", COMMAND_EMPTY),
        ("# only ‹x›", COMMAND_EMPTY),
        ("a \0", COMMAND_NUL),
    ] {
        assert_eq!(refused(text, false), [code], "{text}");
    }
    assert_eq!(refused("a $'b ‹x›'", true), [VALUE_IN_ESCAPED_QUOTES]);
    assert_eq!(refused("a $'b ‹x›'", false), [VALUE_IN_SINGLE_QUOTES]);
    assert_eq!(refused("((‹x› + 1))", false), [VALUE_AS_COMMAND]);
    assert_eq!(refused("((a ‹x›))", false), [VALUE_IN_ARITHMETIC]);
    let deep = |open: &str| open.repeat(100_000);
    for open in [
        "{ ", "( ", "$(", "\"$(", "${a:-", "if ", "a $((", "@(", "[[ @(",
    ] {
        for bash in [false, true] {
            assert!(!refused(&deep(open), bash).is_empty(), "{open}");
        }
    }
    assert_eq!(refused(&deep("{ "), false), [COMMAND_TOO_DEEP]);
}

#[test]
fn no_operand_becomes_an_option() {
    for (text, form) in [
        ("ssh ‹-x› uptime", "[ssh] [--] [‹0›] [uptime]"),
        (
            "ssh -T -p 22 ‹-x› uptime",
            "[ssh] [-T] [-p] [22] [--] [‹0›] [uptime]",
        ),
        (
            "ssh -p ‹-x› ‹-y› uptime",
            "[ssh] [-p] [‹0›] [--] [‹1›] [uptime]",
        ),
        (
            "ssh -p22 \"‹-x›\" ls -l",
            "[ssh] [-p22] [--] [‹0›] [ls] [-l]",
        ),
        ("ssh ‹-x›@host uptime", "[ssh] [--] [‹0›@host] [uptime]"),
        ("ssh user@‹-x› uptime", "[ssh] [user@‹0›] [uptime]"),
        (
            "timeout 5 ssh ‹-x› uptime",
            "[timeout] [5] [ssh] [--] [‹0›] [uptime]",
        ),
        ("scp -P 22 ‹-a› ‹-b›", "[scp] [-P] [22] [--] [‹0›] [‹1›]"),
        ("rsync -az ‹-a› ‹-b›", "[rsync] [-az] [--] [‹0›] [‹1›]"),
        (
            "git clone --depth 1 ‹-u›",
            "[git] [clone] [--depth] [1] [--] [‹0›]",
        ),
        (
            "git -C ‹-d› push ‹-r› main",
            "[git] [-C] [‹0›] [push] [--] [‹1›] [main]",
        ),
        (
            "curl -fsSL -o ‹-f› ‹-u›",
            "[curl] [-fsSL] [-o] [‹0›] [--] [‹1›]",
        ),
        ("rm -rf ‹-f*›", "[rm] [-rf] [--] [‹0›…]"),
        ("rm ‹-o*+› ‹-f›", "[rm] [‹0›…] [--] [‹1›]"),
        ("rm ‹-f› ‹-o*+›", "[rm] [‹0›] [‹1›…]"),
        ("curl ‹-h*+› ‹-m*+› ‹-u›", "[curl] [‹0›…] [‹1›…] [--] [‹2›]"),
        ("rm ‹-o=› ‹-f›", "[rm] [‹0›] [--] [‹1›]"),
        ("rm ‹n› ‹-f›", "[rm] [‹0›] [--] [‹1›]"),
        ("rm -rf -- ‹-f›", "[rm] [-rf] [--] [‹0›]"),
        ("rm -rf ./‹-f›", "[rm] [-rf] [./‹0›]"),
        ("sudo rm ‹-f›", "[sudo] [rm] [--] [‹0›]"),
        ("grep ‹-x› file", "[grep] [--] [‹0›] [file]"),
        ("grep -e ‹-x› file", "[grep] [-e] [‹0›] [file]"),
        ("rm ‹x›", "[rm] [‹0›]"),
        ("rm ‹-x=›", "[rm] [‹0›]"),
        ("tool ‹-x›", "[tool] [‹0›]"),
        ("find ‹-x› -delete", "[find] [‹0›] [-delete]"),
    ] {
        assert_eq!(show(text, false), form, "{text}");
    }
    for (text, script) in [
        ("cd a; rm \"‹-x›\" b", "cd a; rm -- \"Q‹0›\" b"),
        (
            "cd a; rm -f ‹-x› && ssh \"‹-y›\" ls",
            "cd a; rm -f -- B‹0› && ssh -- \"Q‹1›\" ls",
        ),
        (
            "x=$(cat ‹-x›); cp ‹-y*› dir",
            "x=$(cat -- B‹0›); cp -- S‹1› dir",
        ),
    ] {
        assert_eq!(show(text, false), format!("sh: {script}"), "{text}");
    }
    let checked = |text: &str| {
        let operands = analyse(&pieces(text), false, &Default::default())
            .expect("a good command")
            .operands;
        let slot = |expr: &crate::eval::Expr| match expr.kind {
            ExprKind::Local(Slot(slot)) => slot,
            _ => panic!("only locals are made here"),
        };
        operands
            .iter()
            .map(|operand| slot(&operand.value))
            .collect::<Vec<_>>()
    };
    for (text, slots) in [
        ("find ‹-x› -delete", vec![0]),
        ("rm ‹-x› -rf", vec![0]),
        ("rm ‹-x› $flags", vec![0]),
        ("curl --unheard-of ‹-x›", vec![0]),
        ("git checkout ‹-x›", vec![0]),
        ("tar xf ‹-x›", vec![0]),
        ("docker pull ‹-x›", vec![0]),
        ("docker run -e ‹-x› image", vec![]),
        ("docker exec ‹-x› tool ‹-y›", vec![0]),
        ("find ./‹-x› -delete", vec![]),
        ("find ‹x› -delete", vec![]),
        ("rm ‹-x›", vec![]),
        ("tool ‹-x›", vec![]),
    ] {
        assert_eq!(checked(text), slots, "{text}");
    }
    let value = |text: &'static str| {
        let operands = analyse(&pieces("find ‹-x*› a"), false, &Default::default())
            .expect("a good command")
            .operands;
        let list = Value::list([Value::string("a"), Value::string(text)]);
        option_in_value(&operands, &mut |_| Ok(list.clone()), &|value| {
            value.as_str().map(String::from).unwrap_or_default()
        })
    };
    assert!(value("b").is_ok());
    assert!(value("-delete").is_err());
}

#[test]
fn several_mistakes_are_reported_together() {
    assert_eq!(
        refused("a '‹x›' `‹y›` | ‹z›", false),
        [
            codes::VALUE_IN_SINGLE_QUOTES,
            codes::VALUE_IN_BACKTICKS,
            codes::VALUE_AS_COMMAND
        ]
    );
}

#[test]
fn a_diagnostic_points_at_its_value_and_quotes_are_mended() {
    let problems = analyse(&pieces("a 'b ‹x› c'"), false, &Default::default()).unwrap_err();
    assert_eq!(problems[0].span(), Some(Span::new(FileId(0), 5, 12)));
    let edits: Vec<(usize, &str)> = (problems[0].fixes[0].edits.iter())
        .map(|(span, text)| (span.start as usize, text.as_str()))
        .collect();
    assert_eq!(edits, [(5, "'"), (12, "'")]);
    let problems = analyse(&pieces("make 'b"), false, &Default::default()).unwrap_err();
    assert_eq!(problems[0].span(), Some(Span::new(FileId(0), 5, 6)));
}

fn invoked(text: &str, values: &[Value]) -> Invocation {
    let form = analyse(&pieces(text), false, &Default::default())
        .expect("a good command")
        .form;
    let mut value = |expr: &crate::eval::Expr| match expr.kind {
        ExprKind::Local(Slot(slot)) => Ok(values[slot as usize].clone()),
        _ => panic!("only locals are made here"),
    };
    let text = |value: &Value| match value {
        Value::String(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        other => panic!("{other:?} is not shown in these tests"),
    };
    invoke(&form, &mut value, &text).expect("values for all")
}

#[test]
fn values_are_filled_in() {
    let list = Value::list([Value::string("b c"), Value::Int(2)]);
    assert_eq!(
        invoked("a ‹x*› d‹y›", &[list.clone(), Value::Int(7)]),
        Invocation::Direct(["a", "b c", "2", "d7"].map(String::from).to_vec())
    );
    let secret = Value::Secret(vec![SecretPart::Secret(3)].into());
    let Invocation::Shell {
        bash,
        script,
        variables,
    } = invoked(
        "echo ‹x*› \"d‹y›\" ‹z!›",
        &[list, Value::Int(7), secret.clone()],
    )
    else {
        panic!("a secret needs a shell");
    };
    assert!(!bash);
    assert_eq!(
        script,
        "echo \"${LOCKSTEP_VALUE_1}\" \"${LOCKSTEP_VALUE_2}\" \"d${LOCKSTEP_VALUE_3}\" \
         \"${LOCKSTEP_VALUE_4}\""
    );
    let texts: Vec<&Value> = variables.iter().map(|(_, value)| value).collect();
    assert_eq!(
        texts,
        [
            &Value::string("b c"),
            &Value::string("2"),
            &Value::string("7"),
            &secret
        ]
    );
}

#[test]
fn a_secret_never_becomes_an_argument() {
    let secret = Value::Secret(vec![SecretPart::Secret(3)].into());
    let Invocation::Shell {
        script, variables, ..
    } = invoked("a b‹x›", std::slice::from_ref(&secret))
    else {
        panic!("a secret needs a shell");
    };
    assert_eq!(script, "\"${LOCKSTEP_VALUE_1}\" \"${LOCKSTEP_VALUE_2}\" ");
    let text = SecretPart::Text("b".into());
    let nothing = SecretPart::Text("".into());
    assert_eq!(
        variables[1].1,
        Value::Secret(vec![text, SecretPart::Secret(3), nothing].into())
    );
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_odd(
        parts in proptest::collection::vec(
            proptest::prop_oneof![
                "[ -~\n\t]{0,6}",
                "[^‹›\\p{C}]{0,3}",
                proptest::sample::select(vec![
                    "‹x›", "‹x*›", "‹x!›", "$(", "${", "$((", "))", "<<E\n", "\nE\n", "case ", " in ",
                    "esac", ";;", "[[ ", " ]]", "for ", "do ", "done", "if ", "then ", "fi", "{ ", "}",
                    "a=(", "$[", "]", "`", "'", "\"", "\\", "$'", "eval ", "sh -c ", "ssh h ",
                ]).prop_map(String::from),
            ],
            0..24,
        ),
        bash: bool,
    ) {
        let text: String = parts.concat();
        let pieces = pieces(&text);
        let values = pieces.iter().filter(|piece| matches!(piece, CommandPiece::Value { .. })).count();
        match analyse(&pieces, bash, &Default::default()) {
            Err(problems) => assert!(!problems.is_empty()),
            Ok(Analysed { form: Form::Transfer(_), .. }) => panic!("no text is a transfer"),
            Ok(Analysed { form: Form::Direct(words), .. }) => {
                assert!(!words.is_empty());
                let secret = |piece: &CommandPiece| matches!(piece, CommandPiece::Value { secret: true, .. });
                assert!(!bash && !pieces.iter().any(secret), "{text:?}");
            }
            Ok(Analysed { form: Form::Shell { script, .. }, .. }) => {
                // What is not a value is passed on unchanged.
                let written: String = (script.iter())
                    .filter_map(|part| match part {
                        ScriptPart::Text(text) => Some(&**text),
                        _ => None,
                    })
                    .collect();
                let given: String = (pieces.iter())
                    .filter_map(|piece| match piece {
                        CommandPiece::Text { text, .. } => Some(&**text),
                        CommandPiece::Value { .. } => None,
                    })
                    .collect();
                assert_eq!(written, given);
                let places = script.iter().filter(|part| !matches!(part, ScriptPart::Text(_)));
                assert!(places.count() <= values);
            }
        }
    }
}

/// A secret in a variable of the environment is found where a program gets it as an argument.
#[test]
fn secrets_in_variables_are_no_arguments() {
    let span = lockstep_base::source::Span::start_of(lockstep_base::source::FileId(0));
    let token = SecretVariable {
        name: "T".into(),
        span,
    };
    for (text, refused) in [
        ("curl -H \"x: $T\" host", true),
        ("curl $T", true),
        ("A=$T; curl \"$A\"", true),
        ("curl \"$(printf %s \"$T\")\"", true),
        ("f() { curl \"$1\"; }; f \"$T\"", true),
        ("bash -c 'curl \"$T\"'", true),
        ("sudo curl \"${T}\"", true),
        ("for x in $T; do curl $x; done", true),
        ("curl --config - <<E\nheader = $T\nE", false),
        ("printf %s \"$T\" | docker login --password-stdin", false),
        ("test -n \"$T\" && echo $T > f", false),
        ("A=\"$T\" curl host", false),
        ("export A=$T; curl host", false),
        ("curl $U", false),
    ] {
        let found = analyse(
            &pieces(text),
            true,
            &CommandInputs {
                secrets: vec![token.clone()],
                stdin: None,
            },
        );
        let codes: Vec<_> = found
            .err()
            .into_iter()
            .flatten()
            .map(|it| it.code)
            .collect();
        let wanted: &[_] = if refused {
            &[lockstep_base::diagnostic::codes::SECRET_AS_ARGUMENT]
        } else {
            &[]
        };
        assert_eq!(codes, wanted, "{text}");
    }
}
