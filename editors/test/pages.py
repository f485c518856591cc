"""Follows the pages for editors word for word, each in a home of its own.

    python3 editors/test/pages.py LOCKSTEP NVIM WORK

LOCKSTEP is the program, NVIM a Neovim, WORK a folder for the homes. A block of `sh` is run; any
other block is added to the file that the text before it names, such as `~/.vimrc`. What a page
promises is then looked at by the real editor. For Helix, which cannot be had here, a stand-in for
`hx` checks the settings and builds the grammar.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "editors" / "test"
LONGEST = 120
"""The longest time that an editor may take, in seconds."""

MISTAKE = "pipeline ship {\n  stage prod {\n    deply web to prod.eu\n  }\n}\n"

# The names of the settings of Helix that a language, a server and a grammar may have, as its
# documentation lists them.
HELIX = {
    "language": {
        "name", "language-id", "scope", "injection-regex", "file-types", "shebangs", "roots",
        "auto-format", "diagnostic-severity", "comment-token", "comment-tokens",
        "block-comment-tokens", "indent", "language-servers", "grammar", "formatter",
        "soft-wrap", "text-width", "rulers", "path-completion", "workspace-lsp-roots",
        "persistent-diagnostic-sources",
    },
    "language-server": {
        "command", "args", "config", "timeout", "environment", "required-root-patterns",
    },
    "grammar": {"name", "source"},
    "source": {"git", "rev", "subpath", "path"},
    "indent": {"tab-width", "unit"},
}


def blocks(page):
    """The blocks of a page: language, file that the text before names, text."""
    text = (ROOT / page).read_text()
    before = ""
    for part in re.split(r"(^```\w+\n.*?^```$)", text, flags=re.M | re.S):
        found = re.fullmatch(r"```(\w+)\n(.*)```", part, flags=re.S)
        if not found:
            before = part
            continue
        files = re.findall(r"`(~/[^`]+)`", before)
        yield found[1], files[-1] if files else None, found[2].replace("LOCKSTEP", str(ROOT))


class Home:
    """A new home in which a page is followed."""

    def __init__(self, work, name, program):
        self.path = work / name
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True)
        self.bin = self.path / "bin"
        self.bin.mkdir()
        (self.bin / "lockstep").symlink_to(program)
        kept = {name: os.environ[name] for name in ("LANG", "TERM") if name in os.environ}
        self.env = kept | {
            "HOME": str(self.path),
            "PATH": f"{self.bin}:{os.environ['PATH']}",
        }

    def follow(self, page):
        for language, file, text in blocks(page):
            if language == "sh":
                self.run(["sh", "-euc", text])
            elif file:
                path = self.path / file.removeprefix("~/")
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("a") as out:
                    out.write(text)

    def run(self, command, cwd=None):
        done = subprocess.run(
            command, env=self.env, cwd=cwd or self.path, timeout=LONGEST, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        if done.returncode != 0:
            sys.exit(f"pages: {command[0]} failed with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def project(self):
        """A folder with a file in which something is wrong."""
        folder = self.path / "project"
        folder.mkdir()
        (folder / "lockstep.toml").write_text("")
        (folder / "deep").mkdir()
        (folder / "deep" / "bad.deploy").write_text(MISTAKE)
        return folder / "deep" / "bad.deploy"


def neovim(work, program, nvim):
    home = Home(work, "neovim", program)
    home.follow("editors/neovim.md")
    page = (ROOT / "editors/neovim.md").read_text()
    for language, _, text in blocks("docs/editors.md"):
        if language == "lua" and text not in page:
            sys.exit("pages: the Lua of docs/editors.md is not that of editors/neovim.md")
    file = home.project()
    check = HERE / "neovim-page.lua"
    return home.run([nvim, "--headless", str(file), "-c", f"luafile {check}"])


def vim(work, program, _):
    home = Home(work, "vim", program)
    home.follow("editors/vim.md")
    file = home.project()
    # In this mode Vim shows nothing, and reads its settings only where they are named.
    out = home.path / "out"
    script = [
        "call writefile([&filetype, &commentstring, &formatprg, &indentexpr,"
        " synIDattr(synID(1, 1, 1), 'name')], $HOME . '/out')",
        "qall!",
    ]
    command = ["vim", "-N", "-es", "-u", str(home.path / ".vimrc"), str(file)]
    home.run(command + [word for line in script for word in ("-c", line)])
    found = out.read_text().splitlines()
    expected = ["deploy", "# %s"]
    if found[:2] != expected or "lockstep fmt" not in found[2] or not found[3]:
        sys.exit(f"pages: Vim has other settings: {found}")
    if found[4] != "deployDeclare":
        sys.exit(f"pages: Vim draws `pipeline` as {found[4]}")
    return "ok      the page for Vim\n"


def emacs(work, program, _):
    home = Home(work, "emacs", program)
    home.follow("editors/emacs.md")
    file = home.project()
    init = home.path / ".emacs.d" / "init.el"
    return home.run([
        "emacs", "-q", "--batch", "--eval", "(package-initialize)", "-l", str(init),
        "-l", str(HERE / "emacs-page.el"), "--eval", f'(check-page "{file}")',
    ])


def named(known, what, table):
    unknown = set(table) - HELIX[known]
    if unknown:
        sys.exit(f"pages: Helix knows no {', '.join(sorted(unknown))} in {what}")


def helix(work, program, _):
    home = Home(work, "helix", program)
    stand_in = home.bin / "hx"
    shutil.copy(HERE / "hx", stand_in)
    home.follow("editors/helix.md")
    settings = tomllib.loads((home.path / ".config/helix/languages.toml").read_text())
    unknown = set(settings) - {"use-grammars", "language", "language-server", "grammar"}
    if unknown:
        sys.exit(f"pages: Helix knows no {', '.join(sorted(unknown))}")
    for language in settings["language"]:
        named("language", "a language", language)
        named("indent", "an indent", language["indent"])
        for server in language["language-servers"]:
            named("language-server", "a server", settings["language-server"][server])
    for grammar in settings["grammar"]:
        named("grammar", "a grammar", grammar)
        named("source", "a source", grammar["source"])
    runtime = home.path / ".config/helix/runtime"
    queries = {path.name for path in (runtime / "queries/deploy").iterdir()}
    expected = {"highlights.scm", "injections.scm", "locals.scm", "textobjects.scm", "indents.scm"}
    if queries != expected or not (runtime / "grammars/deploy.so").is_file():
        sys.exit(f"pages: Helix has {sorted(queries)}, and perhaps no grammar")
    # Each query is one that the tree-sitter program can run over the examples.
    example = ROOT / "examples/shop/shop.deploy"
    for query in sorted((runtime / "queries/deploy").iterdir()):
        captured = subprocess.run(
            ["tree-sitter", "query", str(query), str(example)],
            cwd=ROOT / "editors/tree-sitter-deploy", env=os.environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LONGEST,
        )
        if captured.returncode != 0:
            sys.exit(f"pages: {query.name} is no query:\n{captured.stdout}")
        if query.name != "locals.scm" and "capture" not in captured.stdout:
            sys.exit(f"pages: {query.name} finds nothing in {example}")
    return "ok      the page for Helix\n"


def main():
    program, nvim, work = (os.path.abspath(one) for one in sys.argv[1:4])
    for follow in (neovim, vim, emacs, helix):
        sys.stdout.write(follow(pathlib.Path(work), program, nvim))
        sys.stdout.flush()


main()
