-- Looks at what the page for Neovim promises: the file is open, the settings are a person's.

local function check(what, condition)
  local found = vim.wait(30000, condition, 20)
  if not found then
    io.stdout:write(('FAILED  the page for Neovim: %s\n%s\n'):format(what, vim.fn.execute 'messages'))
    vim.cmd 'cquit 1'
  end
end

check('the file has its type', function()
  return vim.bo.filetype == 'deploy'
end)
check('the server finds the root by lockstep.toml', function()
  local client = vim.lsp.get_clients({ bufnr = 0 })[1]
  return client ~= nil and client.config.root_dir == vim.fn.fnamemodify(vim.env.HOME .. '/project', ':p:h')
end)
check('mistakes are shown', function()
  return #vim.diagnostic.get(0) > 0
end)
check('tree-sitter draws', function()
  return vim.treesitter.highlighter.active[vim.api.nvim_get_current_buf()] ~= nil
end)
check('tree-sitter folds', function()
  return vim.wo.foldexpr:find('treesitter', 1, true) ~= nil and vim.fn.foldlevel(2) > 0
end)
check('lines are indented', function()
  return vim.bo.indentexpr ~= '' and vim.bo.commentstring == '# %s'
end)
check('gq formats by lockstep', function()
  return vim.bo.formatprg:find('lockstep fmt', 1, true) ~= nil
end)
check('Plan is offered, and shown', function()
  vim.lsp.codelens.refresh { bufnr = 0 }
  return vim.wait(2000, function()
    return #vim.lsp.codelens.get(0) > 0
  end, 20)
end)
io.stdout:write 'ok      the page for Neovim\n'
vim.cmd 'qall!'
