local name, revision = "x", nil
local package_name = "luasyslog"
local package_version = "2.0.1"
local rockspec_revision = "1"
package = package_name
version = package_version.."-"..rockspec_revision
source = {
   url = "git://example.com/"..package_name..".git",
   branch = (package_version == "dev") and "main" or nil,
   tag = (package_version ~= "dev") and package_version or nil,
}
description = { license = "MIT/X11" }
dependencies = { "lualogging >= 1.4.0, < 2.0.0" }
