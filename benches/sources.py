"""What is measured: programs of the language, generated in the size that is asked for."""

import pathlib

# A kind with a workflow, and what it is deployed to: what most of the others need.
SHOP = """kind app {
  service { image: string = "x" }
  infrastructure {}
  deploy using roll
}
workflow roll(s: service<app>, i: infrastructure<app>) {
  step go { run "echo ${s.image}" } undo { run "true" }
}
service web: app {}
service api: app {}
environment prod {
  infrastructure eu: app {}
  infrastructure us: app {}
}
"""

# Code of the same shape in two languages, for two formatters.
HERE = pathlib.Path(__file__).parent
DENSE = (HERE / "dense-deploy.txt").read_text()
DENSE_PYTHON = (HERE / "dense-python.txt").read_text()


def until(size, unit, head=""):
    """The head, and what `unit` makes of 0, 1, … until there are that many bytes."""
    parts, written, at = [head], len(head), 0
    while written < size:
        part = unit(at)
        parts.append(part)
        written += len(part)
        at += 1
    return "".join(parts)


def dense(size, unit=DENSE):
    return until(size, lambda at: unit.replace("@", str(at)))


def unformatted(text):
    """The same with each third line indented wrongly."""
    lines = text.splitlines(keepends=True)
    return "".join("   " + line if at % 3 == 1 else line for at, line in enumerate(lines))


def services(size):
    def unit(at):
        return (
            f"## Service {at}.\nservice svc-{at}: app {{\n"
            f'  image = "registry/team/svc-{at}:${{tag}}"\n'
            f"  replicas = {at % 9 + 1}\n}}\n\n"
        )

    head = """kind app {
  service {
    image: string
    replicas: int = 1
  }
  deploy using roll
}
input tag: string = "v1"
workflow roll(s: service<app>, i: infrastructure<app>) { run "echo ${s.image}" }
"""
    return until(size, unit, head)


def run_texts(size):
    def unit(at):
        return (
            f"workflow w{at}(s: service<app>, i: infrastructure<app>) {{\n"
            f'  run "docker build --tag local/${{s.name}}:{at} --label at=${{i.name}} svc/{at}"\n'
            f'  run "tar -czf - build/{at} | gzip -dc | wc -c > n-{at}; test -s \\"n-{at}\\""\n'
            f'  run "mkdir -p /srv/${{s.name}}/{at} && cp -r b/{at} /srv/${{s.name}}/{at}/"\n}}\n'
        )

    return until(size, unit, SHOP)


def expressions(size):
    def unit(at):
        return (
            f"let x{at} = if ({at % 97} + 3 * (4 - {at % 7})) % 5 == 2 and not ({at % 13} < 10 or "
            f'"a{at}" in ["a", "b${{{at}}}"]) then [{at}, 1, length("abc") + max([1, {at}])][0] '
            f"else (({at % 50} + 1) * 2 - (3 + ({at % 9} * (2 + 5))))\n"
        )

    return until(size, unit)


def workflows(size):
    def unit(at):
        return (
            f"workflow w{at}(s: service<app>, i: infrastructure<app>, tries: int = {at % 5})"
            " -> string {\n"
            f'  let found = run "echo ${{s.image}} ${{i.name}} {at}" timeout 30s'
            " retry tries every 1s..5s\n"
            f'  if found.stdout == "x{at}" {{\n'
            f'    step a {{ run "touch a-{at}" }} undo {{ run "rm -f a-{at}" }}\n'
            f'  }} else {{ log "other ${{found.code + {at}}}" }}\n'
            f'  return if tries > 2 then found.stdout else "none-{at}"\n}}\n'
        )

    return until(size, unit, SHOP)


def typescript_expressions(size):
    """What `expressions` makes, in TypeScript."""

    def unit(at):
        return (
            f"export const x{at} = ({at % 97} + 3 * (4 - {at % 7})) % 5 === 2 && !({at % 13} < 10 "
            f'|| ["a", `b${{{at}}}`].includes("a{at}")) ? '
            f'[{at}, 1, "abc".length + Math.max(1, {at})][0] '
            f": (({at % 50} + 1) * 2 - (3 + ({at % 9} * (2 + 5))));\n"
        )

    return until(size, unit)


TYPESCRIPT_SHOP = """interface Service { image: string }
interface Place { name: string }
interface Found { stdout: string; code: number }
declare function run(command: string, more?: { timeout?: number; retry?: number }): Found;
declare function step(name: string, body: () => Found, undo: () => Found): void;
declare function log(text: string): void;
"""


def typescript_workflows(size):
    """What `workflows` makes, in TypeScript."""

    def unit(at):
        return (
            f"export function w{at}(s: Service, i: Place, tries: number = {at % 5}): string {{\n"
            f"  const found = run(`echo ${{s.image}} ${{i.name}} {at}`, "
            "{ timeout: 30, retry: tries });\n"
            f'  if (found.stdout === "x{at}") {{\n'
            f'    step("a", () => run("touch a-{at}"), () => run("rm -f a-{at}"));\n'
            f"  }} else {{ log(`other ${{found.code + {at}}}`); }}\n"
            f'  return tries > 2 ? found.stdout : "none-{at}";\n}}\n'
        )

    return until(size, unit, TYPESCRIPT_SHOP)


def pipelines(count):
    def one(at):
        return f"""pipeline p{at} atomic {{
  stage build {{
    parallel {{
      step one {{ run "make one-{at}" timeout 5m retry 2 every 1s }}
      step two {{ run "make two-{at}" }}
    }}
  }}
  stage ship {{
    matrix serial i in prod.* parallel s in [web, api]
      where not (s == api and i == prod.us) max 4 {{
      deploy s to i
    }}
    parallel {{
      serial {{ run "a" barrier ready run "b" }}
      serial {{ run "c" barrier ready run "d" }}
    }}
  }}
}}
"""

    return SHOP + "".join(map(one, range(count)))


def declarations(count):
    lets = "".join(f"let v{at} = {at}\n" for at in range(count))
    return lets + 'pipeline p { log "x" }\n'


def small():
    """A file of 2 KB, as a person would write it."""
    return pipelines(3)


def commands(count, word="/bin/true", limits=""):
    return f'pipeline p {{ parallel n in range(0, {count}) {limits} {{ run "{word}" }} }}\n'


def commands_in_turn(count):
    return f'pipeline p {{ serial n in range(0, {count}) {{ run "/bin/true" }} }}\n'


def logs(count, commands=0):
    """Steps that log, and commands that write a line each."""
    logging = f'serial n in range(0, {count}) {{ log "line ${{n}}" }}'
    writing = f'parallel n in range(0, {commands}) max 8 {{ run "echo ${{n}}" }}'
    return f"pipeline p {{ {logging} {writing if commands else ''} }}\n"


def cells(side):
    axes = f"parallel a in range(0, {side}) parallel b in range(0, {side})"
    return f"pipeline p {{ matrix {axes} max 64 {{ let x = a + b }} }}\n"


def machine_cells(side, limit, body):
    axes = f"parallel a in range(0, {side}) parallel b in range(0, {side})"
    return f"action act(n: int)\npipeline p {{ matrix {axes} {limit} {{ {body} }} }}\n"


def strands(count):
    body = "let x = n barrier ready let y = x"
    return f"pipeline p {{ parallel n in range(0, {count}) {{ {body} }} }}\n"


def matrix(side, body='run "x"'):
    axes = f"serial a in range(0, {side}) parallel b in range(0, {side})"
    return f"pipeline p {{ matrix {axes} {{ {body} }} }}\n"


def one_lock(cells):
    body = 'lock "c" { run "x" lock "d" limit 2 { run "y" } }'
    return f"pipeline p {{ parallel a in range(0, {cells}) {{ {body} }} }}\n"


def column_locks(side):
    """Cells that lock their column and take one of three places, and meet in their row."""
    axes = f"parallel a in range(0, {side}) parallel b in range(0, {side})"
    body = 'run "x" lock "c${b}" { run "y" lock "z" limit 3 { run "q" } } barrier row[a]'
    return f"pipeline p {{ matrix {axes} {{ {body} }} }}\n"


def deployments(services, places):
    """An atomic pipeline that deploys everything everywhere."""
    names = [f"s{at}" for at in range(services)]
    lines = [
        'kind app { service { v: string = "1" } deploy using roll }',
        "workflow roll(s: service<app>, i: infrastructure<app>) {",
        '  step a { run "echo ${s.v}" } undo { run "true" }',
        '  step b { run "echo b" }',
        "}",
        *(f"service {name}: app {{}}" for name in names),
        "environment prod {",
        *(f"  infrastructure i{at}: app {{}}" for at in range(places)),
        "}",
        f"pipeline ship atomic {{ matrix parallel i in prod.* parallel s in [{', '.join(names)}]"
        " { deploy s to i } }",
    ]
    return "\n".join(lines) + "\n"


def ninja(count, command):
    """A graph of as many commands that depend on nothing."""
    builds = "".join(f"build t{at}: c\n" for at in range(count))
    return f"rule c\n  command = {command}\n{builds}"
