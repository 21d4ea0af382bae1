#include "runtime/base/goflags.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

flag_set sample() {
  return flag_set({{"ui", flag_kind::boolean, "Serves the page.", "", "", true},
                   {"cas", flag_kind::boolean, "Compares first."},
                   {"port", flag_kind::integer, "Port.", "value", "", true},
                   {"n", flag_kind::integer, "Number."},
                   {"flags", flag_kind::unsigned_integer, "Bits."},
                   {"wait", flag_kind::duration, "Time."},
                   {"name", flag_kind::text, "A name.", "", "x"},
                   {"tag", flag_kind::repeated, "May be given many times."},
                   {"meta", flag_kind::key_value, "Pairs."}});
}

std::string error_of(std::vector<std::string> args) {
  auto p = sample().parse(args);
  return p ? "" : p.err().text;
}

} // namespace

TEST_CASE("a flag takes its value after = or in the next word, with one dash or two") {
  for (auto args : std::vector<std::vector<std::string>>{{"-port=5"}, {"-port", "5"}, {"--port=5"}, {"--port", "5"}}) {
    auto p = sample().parse(args);
    REQUIRE(p.ok());
    CHECK(p->integer("port") == 5);
    CHECK(p->rest.empty());
  }
}

TEST_CASE("a boolean does not eat the next word") {
  auto p = sample().parse({"-ui", "false", "-port=1"});
  REQUIRE(p.ok());
  CHECK(p->boolean("ui"));
  CHECK(p->rest == std::vector<std::string>{"false", "-port=1"});
  p = sample().parse({"-ui=F", "-cas=1"});
  REQUIRE(p.ok());
  CHECK_FALSE(p->boolean("ui", true));
  CHECK(p->boolean("cas"));
}

TEST_CASE("parsing stops at the first other word, at a lone dash and after --") {
  auto p = sample().parse({"-n", "-3", "key", "-port=1"});
  REQUIRE(p.ok());
  CHECK(p->integer("n") == -3);
  CHECK(p->rest == std::vector<std::string>{"key", "-port=1"});
  p = sample().parse({"-", "-ui"});
  REQUIRE(p.ok());
  CHECK(p->rest.size() == 2);
  p = sample().parse({"--", "-ui"});
  REQUIRE(p.ok());
  CHECK(p->rest == std::vector<std::string>{"-ui"});
}

TEST_CASE("errors are Go's, as Consul 1.8.7 prints them") {
  CHECK(error_of({"-bad"}) == "flag provided but not defined: -bad");
  CHECK(error_of({"--bad=1"}) == "flag provided but not defined: -bad");
  CHECK(error_of({"-port"}) == "flag needs an argument: -port");
  CHECK(error_of({"---x"}) == "bad flag syntax: ---x");
  CHECK(error_of({"-=5"}) == "bad flag syntax: -=5");
  CHECK(error_of({"-ui=x"}) == "invalid boolean value \"x\" for -ui: strconv.ParseBool: parsing \"x\": invalid syntax");
  CHECK(error_of({"-cas=x"}) == "invalid boolean value \"x\" for -cas: parse error");
  CHECK(error_of({"-port=x"}) == "invalid value \"x\" for flag -port: strconv.Atoi: parsing \"x\": invalid syntax");
  CHECK(error_of({"-port=99999999999999999999"}) ==
        "invalid value \"99999999999999999999\" for flag -port: strconv.Atoi: parsing \"99999999999999999999\": value out of range");
  CHECK(error_of({"-n=1.5"}) == "invalid value \"1.5\" for flag -n: parse error");
  CHECK(error_of({"-flags=-1"}) == "invalid value \"-1\" for flag -flags: parse error");
  CHECK(error_of({"-wait=x"}) == "invalid value \"x\" for flag -wait: parse error");
}

TEST_CASE("repeated flags keep their order, single ones the last value") {
  auto p = sample().parse({"-tag=a", "-name=x", "-tag", "b", "-name=y", "-meta", "k=v=w", "-meta=e", "-wait=1m30s", "-flags=0x10"});
  REQUIRE(p.ok());
  CHECK(p->all("tag") == std::vector<std::string>{"a", "b"});
  CHECK(p->text("name") == "y");
  CHECK(p->text("absent", "d") == "d");
  CHECK(p->pairs("meta") == std::map<std::string, std::string>{{"k", "v=w"}, {"e", ""}});
  CHECK(p->duration("wait") == std::chrono::seconds(90));
  CHECK(p->unsigned_integer("flags") == 16);
}

TEST_CASE("-h is a question, unless it is a flag of its own") {
  for (auto* word : {"-h", "-help", "--help"}) {
    auto p = sample().parse({word, "-bad"});
    REQUIRE(p.ok());
    CHECK(p->help);
  }
  auto p = flag_set({{"h", flag_kind::text, ""}}).parse({"-h", "x"});
  REQUIRE(p.ok());
  CHECK_FALSE(p->help);
}

TEST_CASE("usage lists the flags by name in Go's layout, help pages in Consul's") {
  flag_set two({{"b", flag_kind::text, "Second.", "", "x"}, {"a", flag_kind::boolean, "First."}});
  CHECK(two.go_usage() == "Usage:\n  -a\n    \tFirst.\n  -b string\n    \tSecond. (default \"x\")\n");
  CHECK(two.help_page() == "  -a\n     First.\n\n  -b=<string>\n     Second.\n\n");
  CHECK(wrap_words("one two three", 7, "> ") == "> one two\n> three\n");
}
