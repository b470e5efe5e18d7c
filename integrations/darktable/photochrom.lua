--[[
Colour exported photographs with photochrom, beside their originals.

An export storage for darktable (Lua API 9). What darktable exports, its edits included, goes
through `photochrom colorize`; the result is put beside the original as NAME.color.EXT, imported
and grouped with it. See README.md beside this file.
]]

local dt = require "darktable"

local NAME = "photochrom"
local FORMATS = { jpg = true, png = true, tif = true, webp = true }
local WINDOWS = dt.configuration.running_os == "windows"
local SEPARATOR = WINDOWS and "\\" or "/"

dt.preferences.register(
  NAME, "command", "string", "photochrom: command",
  "the program photochrom, by its full path if it is not found by its name", "photochrom"
)
dt.preferences.register(
  NAME, "vivid", "string", "photochrom: vivid",
  "0 most accurate .. 1 most colourful; empty: the model's own", ""
)

local function preference(name)
  local value = dt.preferences.read(NAME, name, "string") or ""
  return (value:gsub("^%s+", ""):gsub("%s+$", ""))
end

-- Quote one argument for the shell that dt.control.execute runs: sh, or cmd on Windows. There names
-- hold no quotes; a percent sign stands outside of them, where a caret keeps it from naming a variable.
local function quote(argument)
  if WINDOWS then
    return '"' .. argument:gsub("%%", '"^%%"') .. '"'
  end
  return "'" .. argument:gsub("'", "'\\''") .. "'"
end

-- Run a program; give whether it went well, and the last line that it wrote.
local function run(arguments, log)
  local quoted = {}
  for place, argument in ipairs(arguments) do
    quoted[place] = quote(argument)
  end
  local line = table.concat(quoted, " ") .. " > " .. quote(log) .. " 2>&1"
  -- cmd takes the first and the last quote of a line away.
  local result = dt.control.execute(WINDOWS and '"' .. line .. '"' or line)
  local last = ""
  local file = io.open(log, "r")
  if file then
    for text in file:lines() do
      if text:match("%S") then
        last = text:gsub("%s+$", "")
      end
    end
    file:close()
    os.remove(log)
  end
  return result == 0, last
end

local function exists(path)
  local file = io.open(path, "r")
  if file then
    file:close()
  end
  return file ~= nil
end

-- Give a name beside the original that no file has.
local function free_name(image, suffix)
  local start = image.path .. SEPARATOR .. image.filename:gsub("%.[^.]*$", "") .. ".color"
  local name, number = start .. suffix, 2
  while exists(name) do
    name, number = start .. "-" .. number .. suffix, number + 1
  end
  return name
end

-- Colour an exported file into a new one beside the original; give its name, or nil and why not.
local function colorize(image, exported)
  local command = preference("command")
  command = command ~= "" and command or "photochrom"
  local target = free_name(image, exported:match("%.[^.]*$"))
  local arguments = { command, "colorize", exported, "-o", target, "--recolor", "--quiet" }
  local vivid = preference("vivid")
  if vivid ~= "" then
    arguments[#arguments + 1] = "--vivid=" .. vivid
  end
  local well, said = run(arguments, exported .. ".log")
  if well and exists(target) then
    return target
  end
  local reason = said:match("^photochrom: (.+)$")
  if reason then
    return nil, reason
  end
  return nil, "the command " .. command .. " does not run (" .. said .. "): "
    .. "give its full path in the preferences, under Lua options."
end

-- Import a result and group it with its original; give why it could not be, if so.
local function take_in(image, target)
  local known, result = pcall(dt.database.import, target)
  if not known or not result then
    return "darktable could not import its result, " .. target .. ": import it by hand."
  end
  result:group_with(image)
end

-- Each photo as soon as it is exported: the next one of the same name would take its file's place.
local function store(_, image, _, exported, number, total, _, told)
  dt.print(("photochrom: %d of %d, %s"):format(number, total, image.filename))
  local target, problem = colorize(image, exported)
  os.remove(exported)
  if target then
    told.coloured = (told.coloured or 0) + 1
    problem = take_in(image, target)
  end
  if problem then
    dt.print("photochrom: " .. image.filename .. ": " .. problem)
  end
end

local function finalize(_, exported, told)
  local total = 0
  for _ in pairs(exported) do
    total = total + 1
  end
  dt.print(("photochrom: %d of %d photos coloured."):format(told.coloured or 0, total))
end

local function supported(_, format)
  return FORMATS[format.extension] or false
end

dt.register_storage(NAME, "photochrom: colour", store, finalize, supported)

-- For darktable's script manager.
return {
  metadata = { name = NAME, purpose = "colour black-and-white photographs", author = NAME },
  destroy = function()
    dt.destroy_storage(NAME)
  end,
}
