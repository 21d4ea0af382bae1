#include "storage/command/interpolation.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

interpolation_scope scope(std::vector<std::string_view> matches = {}) {
  return {{{"name.full", "t-one"}, {"name.prefix", "t-"}, {"name.suffix", "one"}, {"agent.segment", ""}}, std::move(matches)};
}

// And that check() says the same of it.
std::string said(std::string_view text, std::vector<std::string_view> matches = {}) {
  auto parsed = interpolated_text::parse(text);
  if (!parsed) return "! " + parsed.err().text;
  const auto all = scope(std::move(matches));
  size_t room = 100000;
  auto out = parsed->evaluate(all, room);
  const auto checked = parsed->check(all);
  CHECK(checked.ok() == out.ok());
  if (!out && !checked) CHECK(checked.err().text == out.err().text);
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

TEST_CASE("a text has as many parts as its bound says, and no more is looked at") {
  auto parts = [](std::string_view text, size_t most) {
    auto parsed = interpolated_text::parse(text, most);
    return parsed ? "parts " + std::to_string(parsed->parts()) : std::to_string(static_cast<int>(parsed.err().code)) + " " + parsed.err().text;
  };
  CHECK(parts("plain", 2) == "parts 2"); // the whole, and the text in it
  CHECK(parts("plain", 1) == "6 more parts than 1");
  CHECK(parts("", 1) == "parts 1");
  CHECK(parts("${1+1}", 3) == "parts 3");
  CHECK(parts("${1+1}", 2) == "6 more parts than 2");
  for (const char* more : {"${\"a\"}", "${-1}", "${match(1)}", "a${1}", "${(1)}"}) {
    CAPTURE(more);
    std::string text;
    for (int i = 0; i < 1000; ++i) text += more;
    CHECK(parts(text, 500) == "6 more parts than 500");
    CHECK(parts(text + "${", 500) == "6 more parts than 500"); // what is wrong behind it was not seen
    CHECK(parts("${" + text, 500) == "2 parse error: syntax error");
  }
}

TEST_CASE("no more text is made than there is room for, and what several give counts together") {
  auto parsed = interpolated_text::parse("a${name.full}${match(0)}${10 + 2}");
  REQUIRE(parsed.ok());
  const auto all = scope({"12345678"});
  size_t room = 20;
  auto out = parsed->evaluate(all, room);
  REQUIRE(out.ok());
  CHECK(*out == "at-one1234567812");
  CHECK(room == 4);
  out = parsed->evaluate(all, room);
  REQUIRE(!out.ok());
  CHECK(out.err().code == errc::too_large);
  for (room = 0; room < 16; ++room) {
    size_t left = room;
    CHECK(parsed->evaluate(all, left).ok() == false);
  }
  CHECK(parsed->check(all).ok());
  // Also of what only a number is made of.
  auto sum = interpolated_text::parse("${\"${name.full}${name.full}\" + 1}");
  room = 9;
  CHECK(sum->evaluate(all, room).err().code == errc::too_large);
}

// A sum's kind is that of its first number, which may stand at the end of many texts, inside of many sums.
TEST_CASE("sums inside of sums are looked through once") {
  std::string text;
  for (int i = 0; i < 90; ++i) {
    for (int k = 0; k < 300; ++k) text += "\"1\"+";
    text += '(';
  }
  text += "0.5" + std::string(90, ')');
  CHECK(said("${" + text + "}") == "27000.5");
}
