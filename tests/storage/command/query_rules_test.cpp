#include "storage/command/query_rules.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

prepared_query template_of(std::string service, std::string regexp = {}) {
  prepared_query q;
  q.name = "t-";
  q.pattern.type = query_template_type;
  q.pattern.regexp = std::move(regexp);
  q.service.service = std::move(service);
  return q;
}

std::string times(size_t n, std::string_view text) {
  std::string out;
  for (; n > 0; --n) out += text;
  return out;
}

std::string refusal(const prepared_query& q) {
  const auto s = check_query(q);
  return s ? "" : s.err().text;
}

std::string filled(const prepared_query& q, std::string_view name) {
  auto compiled = compiled_template::compile(q);
  if (!compiled) return compiled.err().text;
  auto out = compiled->render(name, "");
  return out ? out->service.service : out.err().text;
}

const std::string too_many = "Template is too large: more interpolations and texts than 4096";

} // namespace

TEST_CASE("a template that is too large is refused before it is proposed") {
  CHECK(refusal(template_of("${name.suffix}", "^t-(.*)$")) == "");
  CHECK(refusal(template_of(std::string(65537, 'x'))) == "Template is too large: 65537 bytes of text (limit: 65536)");
  CHECK(refusal(template_of(std::string(65536, 'x'))) == "");
  CHECK(refusal(template_of(times(4095, "${1}"))) == too_many);
  CHECK(refusal(template_of(times(4094, "${1}"))) == "");
  CHECK(refusal(template_of("${" + times(5000, "1+") + "1}")) == too_many);

  auto q = template_of("x");
  q.service.tags.assign(3000, "");
  CHECK(refusal(q) == "");
  q.service.tags.assign(5000, "");
  CHECK(refusal(q) == too_many);
  q = template_of("x");
  q.service.service_meta[std::string(70000, 'k')] = "v"; // keys are not filled in, but copied
  CHECK(refusal(q) == "Template is too large: 70002 bytes of text (limit: 65536)");
  q = template_of("x");
  q.name = std::string(1025, 'n');
  CHECK(refusal(q) == "Template is too large: a name of 1025 bytes (limit: 1024)");
  q.name.pop_back();
  CHECK(refusal(q) == "");
  q.service.service = times(65, "${name.full}"); // already for the shortest name that asks for it
  CHECK(refusal(q) == "Template '" + q.name + "' gives too much text for this name (limit: 65536)");
}

TEST_CASE("a template's regular expression is bounded by what it is compiled to") {
  CHECK(refusal(template_of("x", std::string(1025, 'a'))) == "Template is too large: a Regexp of 1025 bytes, with classes of Unicode (limit: 1024)");
  CHECK(refusal(template_of("x", "\\pL")).ends_with("steps (limit: 1000)"));
  CHECK(refusal(template_of("x", "\\pL\\PN")) == "Template is too large: a Regexp of 1606 bytes, with classes of Unicode (limit: 1024)");
  CHECK(refusal(template_of("x", times(65, "(a)"))) == "Template is too large: a Regexp with 65 groups (limit: 64)");
  CHECK(refusal(template_of("x", times(64, "(a)"))) == "");
  CHECK(refusal(template_of("x", "(a?){500}")).ends_with("steps (limit: 1000)"));
  CHECK(refusal(template_of("x", "(a?){200}")) == "");
  CHECK(refusal(template_of("x", "(?:\\pL{20})?")) == "Template is too large: a Regexp that compiles to more than 131072 bytes");
}

TEST_CASE("what is not too large is told when it is applied, and what is too large is applied as ever") {
  CHECK(refusal(template_of("${name.foo}")) == "");
  CHECK(refusal(template_of("x", "(")) == "");
  CHECK(check_template(template_of("x", "(")).err().text == "Bad Regexp: error parsing regexp: missing closing ): `(`");
  for (auto& large : {template_of(std::string(70000, 'x')), template_of(times(5000, "${1}")), template_of("x", times(100, "(a)")), template_of("x", times(2, "\\pL")), template_of("x", "(?:\\pL{20})?")}) {
    CHECK(check_template(large).ok());
    CHECK(check_template_size(large).err().code == errc::too_large);
  }
  CHECK(check_template(template_of("x", std::string(5000, 'a'))).ok());
  CHECK(check_template(template_of("x", times(50000, "\\pL"))).err().text.starts_with("Bad Regexp: error parsing regexp: expression too large")); // at once
  // Without making what it would give: a billion bytes here.
  auto wide = template_of(times(30000, "${name.full}"));
  wide.name = std::string(30000, 'n');
  CHECK(check_template(wide).ok());
  // Queries that are no templates have no such bounds.
  auto plain = template_of(std::string(70000, 'x'));
  plain.pattern = {};
  CHECK(refusal(plain) == "");
}

TEST_CASE("rendering ends at the bounds of the name and of the text") {
  const auto q = template_of(times(100, "${name.full}"));
  CHECK(filled(q, "t-a") == times(100, "t-a"));
  CHECK(filled(q, std::string(700, 't')) == "Template 't-' gives too much text for this name (limit: 65536)");
  CHECK(filled(q, std::string(1025, 't')) == "Name is too long for the template 't-': 1025 bytes (limit: 1024)");
  auto tags = template_of("${name.full}");
  tags.service.tags.assign(100, "${name.full}"); // all of them together
  CHECK(filled(tags, std::string(1000, 't')) == "Template 't-' gives too much text for this name (limit: 65536)");
  auto groups = template_of(times(100, "${match(1)}"), "(.*)");
  CHECK(filled(groups, "t-a") == times(100, "t-a"));
  CHECK(filled(groups, std::string(700, 't')) == "Template 't-' gives too much text for this name (limit: 65536)");
}

TEST_CASE("what is long to compile or to fill in is known before") {
  CHECK(compiled_template::effort_to_compile(template_of("${name.suffix}", "^t-(.*?)-([^-]+)$")) < 100000);
  CHECK(compiled_template::effort_to_compile(template_of("x", "\\pL")) > 1000000);
  CHECK(compiled_template::effort_to_compile(template_of(std::string(65000, 'x'))) > 500000);
  auto small = compiled_template::compile(template_of("${name.suffix}", "^t-(.*?)-([^-]+)$")), large = compiled_template::compile(template_of("x", "(a?){200}"));
  REQUIRE((small.ok() && large.ok()));
  CHECK(small->effort("t-a-b") < 100000);
  CHECK(large->effort(std::string(1000, 'a')) > 500000);
}
