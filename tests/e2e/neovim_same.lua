-- Drives Neovim without a screen: the lines of the README, some files, and what Neovim has of them, again and again.
-- Reads what to do from BURSAR_TEST (JSON); ends when the file named there as `done` exists.
local todo = vim.fn.json_decode(vim.env.BURSAR_TEST)
local severities = { "error", "warning", "information", "hint" }

local function write(seen)
  vim.fn.writefile({ vim.fn.json_encode(seen) }, todo.out .. ".new")
  vim.loop.fs_rename(todo.out .. ".new", todo.out)
end

-- Lenses that Neovim holds of the buffer and draws at the end of their lines.
local function lenses(buffer)
  local drawn = {}
  for name, namespace in pairs(vim.api.nvim_get_namespaces()) do
    if string.find(name, "codelens", 1, true) then
      for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buffer, namespace, 0, -1, { details = true })) do
        for _, piece in ipairs(mark[4].virt_text or {}) do drawn[mark[2]] = (drawn[mark[2]] or "") .. piece[1] end
      end
    end
  end
  local found = {}
  for _, lens in ipairs(vim.lsp.codelens.get(buffer)) do
    local line, title = lens.range.start.line, lens.command.title
    if string.find(drawn[line] or "", title, 1, true) then table.insert(found, { line = line, title = title }) end
  end
  return found
end

-- Where Neovim draws hints (0.10 and newer) what it has drawn, at bytes of the line; else what it is answered.
local function hints(buffer)
  if vim.lsp.inlay_hint then
    local drawn = {}
    for _, each in ipairs(vim.lsp.inlay_hint.get({ bufnr = buffer })) do
      local place = each.inlay_hint.position
      table.insert(drawn, { line = place.line, byte = place.character, label = each.inlay_hint.label })
    end
    return drawn
  end
  local whole = { start = { line = 0, character = 0 }, ["end"] = { line = 9999, character = 0 } }
  local asked = { textDocument = { uri = vim.uri_from_bufnr(buffer) }, range = whole }
  local found = {}
  for _, client in pairs(vim.lsp.get_active_clients({ bufnr = buffer })) do
    local answer = client.request_sync("textDocument/inlayHint", asked, todo.wait_ms, buffer) or {}
    for _, hint in ipairs(answer.result or {}) do
      table.insert(found, { line = hint.position.line, character = hint.position.character, label = hint.label })
    end
  end
  return found
end

-- Places are Neovim's own: bytes of the line.
local function findings(buffer)
  local found = {}
  for _, each in ipairs(vim.diagnostic.get(buffer)) do
    table.insert(found, {
      line = each.lnum,
      byte = each.col,
      end_line = each.end_lnum,
      end_byte = each.end_col,
      severity = severities[each.severity],
      code = each.code or each.user_data.lsp.code,
      message = each.message,
    })
  end
  return found
end

vim.o.hidden = true
vim.cmd("luafile " .. vim.fn.fnameescape(todo.readme))
local buffers = {}
for _, file in ipairs(todo.files) do
  vim.cmd("edit " .. vim.fn.fnameescape(file))
  buffers[file] = vim.api.nvim_get_current_buf()
end
local ends = vim.loop.now() + todo.wait_ms
repeat
  local seen = {}
  for file, buffer in pairs(buffers) do
    -- Whoever enters a buffer has its lenses drawn anew, by the README's lines.
    vim.cmd("buffer " .. buffer)
    vim.wait(300)
    seen[file] = { lenses = lenses(buffer), hints = hints(buffer), diagnostics = findings(buffer) }
  end
  write(seen)
until vim.fn.filereadable(todo.done) == 1 or vim.loop.now() > ends
vim.lsp.stop_client(vim.lsp.get_active_clients())
vim.cmd("qall!")
