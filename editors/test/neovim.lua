-- Opens a real Neovim on a real file and does what a person would do: reads mistakes, hovers,
-- completes, renames, formats and looks at the colours.
--
--   nvim --clean --headless -l editors/test/neovim.lua LOCKSTEP PARSER.so
--
-- LOCKSTEP is the program, PARSER.so the compiled tree-sitter grammar.

local root = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h:h')
local program, parser = vim.fn.fnamemodify(arg[1], ':p'), vim.fn.fnamemodify(arg[2], ':p')
local work = vim.fn.tempname()
local passed, failed = 0, 0

--- What a person's configuration would hold, as in `editors/neovim.md`.
local function configure()
  vim.fn.mkdir(work .. '/site/queries/deploy', 'p')
  for _, query in ipairs(vim.fn.glob(root .. '/editors/tree-sitter-deploy/queries/*.scm', true, true)) do
    vim.fn.writefile(
      vim.fn.readfile(query),
      work .. '/site/queries/deploy/' .. vim.fn.fnamemodify(query, ':t')
    )
  end
  vim.opt.runtimepath:append { root .. '/editors/vim', work .. '/site' }
  vim.cmd 'filetype plugin indent on'
  -- Neovim has looked for file types before the folder was known.
  vim.cmd 'runtime! ftdetect/deploy.vim'
  vim.treesitter.language.add('deploy', { path = parser })
  vim.env.PATH = vim.fn.fnamemodify(program, ':h') .. ':' .. vim.env.PATH
  vim.lsp.config('lockstep', { cmd = { 'lockstep', 'lsp' }, filetypes = { 'deploy' } })
  vim.lsp.enable 'lockstep'
end

--- Opens a file with this text and waits for the server.
local function open(name, text)
  local file = work .. '/' .. name
  vim.fn.writefile(vim.split(text, '\n'), file)
  vim.cmd.edit(file)
  assert(vim.bo.filetype == 'deploy', vim.bo.filetype)
  local ready = vim.wait(20000, function()
    local client = vim.lsp.get_clients({ bufnr = 0 })[1]
    return client ~= nil and client.initialized == true
  end, 20)
  assert(ready, 'the language server does not start')
end

--- Puts the cursor on the first character of the first place of `text`.
local function go_to(text, offset)
  for number, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
    local column = line:find(text, 1, true)
    if column then
      vim.api.nvim_win_set_cursor(0, { number, column - 1 + (offset or 0) })
      return
    end
  end
  error('the text is not there: ' .. text)
end

--- The server's answer about the place of the cursor.
local function ask(method, more)
  local client = vim.lsp.get_clients({ bufnr = 0 })[1]
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params = vim.tbl_extend('force', params, more or {})
  local answer, problem = client:request_sync(method, params, 20000, 0)
  assert(answer, method .. ': ' .. tostring(problem))
  assert(not answer.err, vim.inspect(answer.err))
  return answer.result
end

local function text_of_buffer()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
end

local function contains(text, part)
  assert(text:find(part, 1, true), ('`%s` is not in:\n%s'):format(part, text))
end

local function equal(left, right)
  assert(vim.deep_equal(left, right), ('%s\nis not\n%s'):format(vim.inspect(left), vim.inspect(right)))
end

local function check(name, test)
  local ok, problem = xpcall(test, debug.traceback)
  passed, failed = passed + (ok and 1 or 0), failed + (ok and 0 or 1)
  io.stdout:write((ok and 'ok      ' or 'FAILED  ') .. name .. '\n' .. (ok and '' or problem .. '\n'))
end

local GOOD = [[
## The version to ship.
input version: string = "v1"

kind app {
  service { image: string }
  infrastructure { host: string }
  deploy using roll
}

service web: app { image = "web:${version}" }

environment prod {
  infrastructure eu: app { host = "eu.example.com" }
}

## Rolls one service out.
workflow roll(s: service<app>, i: infrastructure<app>) {
  run "release --to ${i.host} ${s.image}" timeout 30s
}

pipeline ship {
  stage prod atomic {
    deploy web to prod.eu
  }
}]]

configure()

check('mistakes are shown', function()
  open('bad.deploy', 'pipeline ship {\n  stage prod {\n    deply web to prod.eu\n  }\n}')
  assert(vim.wait(20000, function()
    return #vim.diagnostic.get(0) > 0
  end, 20), 'no diagnostics')
  local first = vim.diagnostic.get(0)[1]
  equal({ first.lnum, first.source }, { 2, 'lockstep' })
  contains(first.message, 'deply')
end)

check('a good file has no mistakes, and hover shows the documentation', function()
  open('good.deploy', GOOD)
  go_to('roll(')
  contains(vim.inspect(ask('textDocument/hover')), 'Rolls one service out.')
  equal(vim.diagnostic.get(0, { severity = vim.diagnostic.severity.ERROR }), {})
end)

check('fields are completed', function()
  open('complete.deploy', (GOOD:gsub('run ', 'log "${s.}"\n  run ')))
  go_to('${s.', 4)
  local found = ask('textDocument/completion')
  local labels = {}
  for _, item in ipairs(found.items or found) do
    labels[item.label] = true
  end
  assert(labels.image and labels.name, vim.inspect(labels))
end)

check('fields are completed inside of a command', function()
  open('command.deploy', (GOOD:gsub('${i.host}', '${i.}')))
  go_to('${i.', 4)
  local found = ask('textDocument/completion')
  local labels = {}
  for _, item in ipairs(found.items or found) do
    labels[item.label] = true
  end
  assert(labels.host and not labels.retry, vim.inspect(labels))
end)

check('a mistake is fixed from the beginning of its line', function()
  open('mend.deploy', (GOOD:gsub('deploy web to', 'deploy webb to')))
  assert(vim.wait(20000, function()
    return #vim.diagnostic.get(0, { severity = vim.diagnostic.severity.ERROR }) > 0
  end, 20), 'no diagnostics')
  go_to('    deploy webb')
  vim.lsp.buf.code_action { apply = true }
  assert(vim.wait(20000, function()
    return text_of_buffer() == GOOD
  end, 20), text_of_buffer())
end)

check('the definition is found', function()
  open('definition.deploy', GOOD)
  go_to('using roll', 6)
  local found = ask('textDocument/definition')
  local place = found.range and found or found[1]
  local range = place.range or place.targetSelectionRange
  equal(vim.api.nvim_buf_get_lines(0, range.start.line, range.start.line + 1, false)[1]:sub(1, 13), 'workflow roll')
end)

check('a name is changed everywhere', function()
  open('rename.deploy', GOOD)
  go_to('web: app')
  vim.lsp.buf.rename('front-end')
  assert(vim.wait(20000, function()
    return text_of_buffer():find('deploy front-end to prod.eu', 1, true) ~= nil
  end, 20), text_of_buffer())
  contains(text_of_buffer(), 'service front-end: app')
end)

check('the file is formatted', function()
  open('format.deploy', (GOOD:gsub('\n  ', '\n       '):gsub('image: string', 'image:string')))
  vim.lsp.buf.format { timeout_ms = 20000 }
  equal(text_of_buffer(), GOOD)
end)

check('tree-sitter draws words, names and commands', function()
  open('colours.deploy', GOOD)
  vim.treesitter.start(0, 'deploy')
  local tree = vim.treesitter.get_parser(0, 'deploy'):parse(true)
  equal(tree[1]:root():has_error(), false)
  local function drawn(text, offset)
    go_to(text, offset)
    local place = vim.api.nvim_win_get_cursor(0)
    local found = vim.treesitter.get_captures_at_pos(0, place[1] - 1, place[2])
    return vim.tbl_map(function(capture)
      return capture.capture
    end, found)
  end
  for _, case in ipairs {
    { 'pipeline ship', 0, 'keyword.function' },
    { 'pipeline ship', 9, 'function' },
    { 'atomic', 0, 'keyword.modifier' },
    { '30s', 0, 'number' },
    { '## Rolls', 0, 'comment.documentation' },
    { '${i.host}', 0, 'punctuation.special' },
    { '${i.host}', 4, 'property' },
  } do
    local found = drawn(case[1], case[2])
    assert(vim.tbl_contains(found, case[3]), case[1] .. ': ' .. vim.inspect(found))
  end
end)

check('the text of commands is handed to bash', function()
  local query = vim.treesitter.query.get('deploy', 'injections')
  local tree = vim.treesitter.get_parser(0, 'deploy'):parse()[1]
  local found = {}
  for _, matched, metadata in query:iter_matches(tree:root(), 0, 0, -1) do
    if metadata['injection.language'] == 'bash' then
      for _, nodes in pairs(matched) do
        table.insert(found, vim.treesitter.get_node_text(nodes[1], 0))
      end
    end
  end
  equal(found, { 'release --to ${i.host} ${s.image}' })
end)

check('Vim draws and indents without a server', function()
  open('plain.deploy', GOOD)
  vim.treesitter.stop(0)
  vim.cmd 'syntax on'
  vim.bo.syntax = 'deploy'
  local function group(text, offset)
    go_to(text, offset)
    local place = vim.api.nvim_win_get_cursor(0)
    return vim.fn.synIDattr(vim.fn.synID(place[1], place[2] + 1, 1), 'name')
  end
  for _, case in ipairs {
    { 'pipeline ship', 0, 'deployDeclare' },
    { 'pipeline ship', 9, 'deployDefined' },
    { 'stage prod', 0, 'deployStatement' },
    { 'atomic', 0, 'deployModifier' },
    { 'timeout 30s', 0, 'deployModifier' },
    { '30s', 0, 'deployDuration' },
    { '## Rolls', 0, 'deployDoc' },
    { 'release --to', 0, 'deployCommand' },
    { '--to', 0, 'deployShellOption' },
    { '${i.host}', 0, 'deploySpecial' },
    { 'image: string', 0, 'deployProperty' },
    { 'deploy using', 7, 'deployClause' },
  } do
    equal({ case[1], group(case[1], case[2]) }, { case[1], case[3] })
  end
  equal(vim.bo.commentstring, '# %s')
  contains(vim.bo.formatprg, 'lockstep fmt')
  local shop = vim.fn.readfile(root .. '/examples/shop/shop.deploy')
  vim.api.nvim_buf_set_lines(0, 0, -1, false, shop)
  vim.cmd 'silent normal! gg=G'
  equal(vim.api.nvim_buf_get_lines(0, 0, -1, false), shop)
end)

vim.fn.delete(work, 'rf')
io.stdout:write(('%d passed, %d failed\n'):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
