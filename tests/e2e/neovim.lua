-- Drives Neovim without a screen: opens a tasks file, shows lenses, runs a task by its lens, sees it ticked.
-- Reads what to do from BURSAR_TEST (JSON), writes what it saw to the file named there.
local todo = vim.fn.json_decode(vim.env.BURSAR_TEST)
local seen = { lenses = {}, hints = {}, diagnostics = {}, meter = {}, runs = {}, messages = {}, ticked = false }

local function finish(failure)
  seen.failure = failure
  vim.fn.writefile({ vim.fn.json_encode(seen) }, todo.out)
  vim.cmd("qall!")
end

local function wait(what, condition)
  if not vim.wait(todo.wait_ms, condition, 50) then
    finish("timed out: " .. what)
    return false
  end
  return true
end

vim.o.autoread = true
vim.cmd("edit " .. vim.fn.fnameescape(todo.file))
local handlers = {
  ["bursar/meter"] = function(_, result) table.insert(seen.meter, result.text) end,
  ["bursar/runChanged"] = function(_, result) table.insert(seen.runs, result) end,
  ["window/showMessage"] = function(_, result) table.insert(seen.messages, result.message) end,
}
local id = vim.lsp.start_client({
  name = "bursar",
  cmd = todo.cmd,
  root_dir = todo.root,
  init_options = { trusted = true },
  handlers = handlers,
})
vim.lsp.buf_attach_client(0, id)
local client = vim.lsp.get_client_by_id(id)
if not wait("initialize", function() return client.initialized end) then return end

-- What vim.lsp.codelens draws at the end of a line.
local function drawn(line)
  for _, lens in ipairs(vim.lsp.codelens.get(0)) do
    if lens.range.start.line == line and lens.command then return lens.command.title end
  end
  return ""
end

local function wait_for_lens(what, pattern)
  return wait(what, function()
    vim.lsp.codelens.refresh()
    return string.find(drawn(todo.line), pattern) ~= nil
  end)
end

if not wait_for_lens("the lens with its estimate", "first request") then return end
table.insert(seen.lenses, drawn(todo.line))
for _, namespace in pairs(vim.api.nvim_get_namespaces()) do
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, { todo.line, 0 }, { todo.line, -1 }, { details = true })) do
    for _, piece in ipairs(mark[4].virt_text or {}) do seen.drawn = (seen.drawn or "") .. piece[1] end
  end
end

local whole = { start = { line = 0, character = 0 }, ["end"] = { line = 9999, character = 0 } }
local hints = vim.lsp.buf_request_sync(0, "textDocument/inlayHint", {
  textDocument = vim.lsp.util.make_text_document_params(),
  range = whole,
}, todo.wait_ms)
for _, hint in ipairs(hints[id].result) do table.insert(seen.hints, hint.label) end

vim.api.nvim_win_set_cursor(0, { todo.line + 1, 0 })
vim.lsp.codelens.run()
if not wait("the run's end", function()
  local last = seen.runs[#seen.runs]
  return last and last.state == "finished"
end) then return end
if not wait("the tick", function()
  vim.cmd("silent! checktime")
  local line = vim.api.nvim_buf_get_lines(0, todo.line, todo.line + 1, false)[1]
  seen.ticked = string.find(line, "%[x%]") ~= nil
  return seen.ticked
end) then return end
if not wait_for_lens("the lens with the figures", "requests") then return end
table.insert(seen.lenses, drawn(todo.line))
if not wait("the diagnostic", function() return #vim.diagnostic.get(0) > 0 end) then return end
for _, each in ipairs(vim.diagnostic.get(0)) do
  table.insert(seen.diagnostics, { line = each.lnum, message = each.message, source = each.source, code = each.code or each.user_data.lsp.code })
end
client.stop()
wait("the server's end", function() return client.is_stopped() end)
finish(nil)
