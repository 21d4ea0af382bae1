#include "storage/command/interpolation.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

std::string said(std::string_view text, std::vector<std::string> matches = {}) {
  auto parsed = interpolated_text::parse(text);
  if (!parsed) return "! " + parsed.err().text;
  auto out = parsed->evaluate({{{"name.full", "t-one"}, {"name.prefix", "t-"}, {"name.suffix", "one"}, {"agent.segment", ""}}, std::move(matches)});
  return out ? *out : "! " + out.err().text;
}

struct one {
  const char *text, *wanted;
};

} // namespace

// The answers are those of Consul 1.8.7, but for the three at the end, of which its server dies.
TEST_CASE("interpolations give what Consul's templates give") {
  const one all[] = {
      {"plain", "plain"}, {"${name.full}", "t-one"}, {"${ name.full }", "t-one"}, {"${name.full}-${name.suffix}", "t-one-one"}, {"${name.full}}", "t-one}"},
      {"{${name.full}}", "{t-one}"}, {"a}b", "a}b"}, {"$name", "$name"}, {"$$", "$"}, {"a$$b", "a$b"}, {"x$${y}", "x${y}"}, {"$$${name.full}", "$t-one"},
      {"${1}", "1"}, {"${1.5}", "1.5"}, {"${1.0}", "1"}, {"${5.}", "5"}, {"${-1}", "-1"}, {"${- 1}", "-1"}, {"${1+2}", "3"}, {"${1+2*3}", "9"}, {"${2*3+1}", "7"},
      {"${(1+2)*3}", "9"}, {"${10-3-2}", "5"}, {"${10-(3-2)}", "9"}, {"${7/2}", "3"}, {"${7%3}", "1"}, {"${7.0/2}", "3.5"}, {"${2.5*2}", "5"}, {"${1+2.5}", "3"}, {"${1 + 1.2}", "2"},
      {"${1+2.5%2}", "1"}, {"${9223372036854775807+1}", "-9223372036854775808"}, {"${\"x\"}", "x"}, {"${\"\"}", ""}, {"${\"a${1}b\"}", "a1b"}, {"${\"${name.full}\"}", "t-one"},
      {"${\"a\" \"b\"}", "ab"}, {"${\"$${x}\"}", "${x}"}, {"${\"a\\\"b\"}", "a\"b"}, {"${\"\\n\"}", "\n"}, {"${\"\\\\\"}", "\\"}, {"${\"\\q\"}", "\\q"},
      {"${match(0)}", ""}, {"${match( 1 )}", ""}, {"${match (1)}", ""}, {"${match(-1)}", ""}, {"${match(1.9)}", ""}, {"${match(0+1)}", ""}, {"\xc3\xa9${name.full}", "\xc3\xa9t-one"},
      {"${1000000.0}", "1e+06"}, {"${\"2\"*3}", "6"}, {"${1/0}", "! division by zero"}, {"${+1}", "! parse error: syntax error"},
  };
  for (auto& [text, wanted] : all) {
    CAPTURE(text);
    CHECK(said(text) == wanted);
  }
  CHECK(said("${match(0)}-${match(1)}-${match(2)}-${match(3)}", {"t-a-b", "a", "b"}) == "t-a-b-a-b-");
}

TEST_CASE("what cannot be parsed or filled in is refused in the words of Consul's library") {
  for (const char* text : {"${", "${name", "${}", "${ }", "${match(1)", "${match(1}", "${()}", "${#}", "${*}", "${%}", "${,}", "${1 2}", "${1a}", "${1e3}", "${'a'}", "${\"a}",
                           "${name.full name.suffix}", "${99999999999999999999}", "${name.full == \"x\"}", "${true ? \"a\" : \"b\"}"}) {
    CAPTURE(text);
    CHECK(said(text) == "! parse error: syntax error");
  }
  const one all[] = {
      {"${name.foo}", "! 1:3: unknown variable accessed: name.foo"}, {"${ name.foo}", "! 1:3: unknown variable accessed: name.foo"}, {"${name.Full}", "! 1:3: unknown variable accessed: name.Full"},
      {"${.5}", "! 1:3: unknown variable accessed: .5"}, {"${a-b}", "! 1:3: unknown variable accessed: a-b"}, {"${a.*.b}", "! 1:3: unknown variable accessed: a.*.b"},
      {"${\"a${ zz }\"}", "! 1:7: unknown variable accessed: zz"}, {"${name.full}\n${name.foo}", "! 2:4: unknown variable accessed: name.foo"},
      {"${foo(1)}", "! 1:3: unknown function called: foo"}, {"ab${foo(1)}", "! 1:5: unknown function called: foo"}, {"x\ny${foo(1)}", "! 2:5: unknown function called: foo"},
      {"${match(foo(1))}", "! 1:9: unknown function called: foo"}, {"${1+ foo(2)}", "! 1:5: unknown function called: foo"},
      {"${match()}", "! 1:3: match: expected 1 arguments, got 0"}, {"${match(1,2)}", "! 1:3: match: expected 1 arguments, got 2"},
      {"${  5.5%2}", "! At column 3, line 1: modulo cannot be used with floats"},
      {"${match(\"a\")}", "! __builtin_StringToInt: strconv.ParseInt: parsing \"a\": invalid syntax"},
      {"${name.prefix + 1}", "! __builtin_StringToInt: strconv.ParseInt: parsing \"t-\": invalid syntax"},
      {"${\"1.5\"+1}", "! __builtin_StringToInt: strconv.ParseInt: parsing \"1.5\": invalid syntax"},
  };
  for (auto& [text, wanted] : all) {
    CAPTURE(text);
    CHECK(said(text) == wanted);
  }
}

TEST_CASE("interpolations that lie too deep inside of one another are refused") {
  std::string deep, quoted;
  for (int i = 0; i < 100000; ++i) deep += '(', quoted += "${\"";
  CHECK(said("${" + deep) == "! parse error: syntax error");
  CHECK(said("${" + std::string(100000, '-') + "1}") == "! parse error: syntax error");
  CHECK(said(quoted) == "! parse error: syntax error");
}
