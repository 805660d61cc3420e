rockspec_format = "3.0"
package = "kong"
version = "3.7.0-0"
source = { url = "git+https://example.com/kong.git", tag = "3.7.0" }
description = {
  summary = 'An "API" gateway',
  detailed = [[
    package = "not this one"
  ]],
  license = "Apache 2.0"
}
dependencies = {
  "lua >= 5.1",
  "inspect == 3.1.3",
  "luasec==1.3.2", -- note
  "binaryheap",
}
build = { type = "builtin", modules = { ["kong.a"] = "kong/a.lua", n = 5 } }
