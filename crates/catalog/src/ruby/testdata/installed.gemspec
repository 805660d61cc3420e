# -*- encoding: utf-8 -*-
# stub: example 1.2.3 x86_64-linux lib

Gem::Specification.new do |s|
  s.name = "example".freeze
  s.version = "1.2.3"
  s.platform = "x86_64-linux".freeze

  s.required_rubygems_version = Gem::Requirement.new(">= 0".freeze) if s.respond_to? :required_rubygems_version=
  s.metadata = { "homepage_uri" => "https://example.org" } if s.respond_to? :metadata=
  s.authors = ["A".freeze, "B".freeze]
  s.homepage = "https://example.org".freeze
  s.licenses = ["Ruby".freeze, "MIT".freeze]
  s.summary = "An \"example\".".freeze

  if s.respond_to? :specification_version then
    s.specification_version = 4
  end

  if s.respond_to? :add_runtime_dependency then
    s.add_runtime_dependency(%q<needed>.freeze, [">= 0"])
    s.add_development_dependency(%q<rake>.freeze, [">= 0"])
  else
    s.add_dependency(%q<needed>.freeze, [">= 0"])
    s.add_dependency(%q<rake>.freeze, [">= 0"])
  end
end
