#include "runtime/base/pattern.hpp"
#include <doctest/doctest.h>

using namespace actord;

TEST_CASE("a pattern is found anywhere in the subject") {
  auto p = pattern::compile("^a.c");
  REQUIRE(p);
  CHECK(p->matches("abcd"));
  CHECK(!p->matches("xabc"));
  CHECK(pattern::compile("b")->matches("abc"));
}

TEST_CASE("errors of patterns are worded as Go's") {
  auto why = [](const char* text) { return pattern::compile(text).err().text; };
  CHECK(why("[") == "error parsing regexp: missing closing ]: `[`");
  CHECK(why("(") == "error parsing regexp: missing closing ): `(`");
  CHECK(why("*") == "error parsing regexp: missing argument to repetition operator: `*`");
}

TEST_CASE("a pattern that would take long to compile is refused before that") {
  std::string many;
  for (int i = 0; i < 50'000; ++i) many += "\\pL";
  CHECK(pattern::compile(many).err().text.starts_with("error parsing regexp: expression too large: `\\pL"));
  CHECK(pattern::compile(many).err().text.size() < 200);
  CHECK_FALSE(pattern::compile("(?:\\pL{50})?"));
  CHECK(pattern::compile(std::string(1024, 'a')));
}

TEST_CASE("a pattern that would take exponential time elsewhere is matched at once") {
  CHECK(!pattern::compile("^(a+)+$")->matches(std::string(20000, 'a') + "b"));
}

TEST_CASE("a pattern that names classes of Unicode weighs what they stand for") {
  CHECK(pattern::weight_of("") == 0);
  CHECK(pattern::weight_of("^a\\.b$") == 6);
  CHECK(pattern::weight_of("\\pL") == 803);
  CHECK(pattern::weight_of("a\\PL\\p{Greek}") > 1600);
  CHECK(pattern::weight_of("\\\\pL") == 4); // a backslash, and two letters
  CHECK(pattern::weight_of("x\\") == 2);
}

TEST_CASE("groups are views of the subject") {
  auto p = pattern::compile("^(a+)(b)?(.*)$");
  REQUIRE(p.ok());
  const std::string subject = "aac";
  CHECK(p->group_count() == 3);
  CHECK(p->groups(subject) == std::vector<std::string_view>{"aac", "aa", "", "c"});
  CHECK(p->groups(subject)[1].data() == subject.data());
  CHECK(p->groups("x").empty());
}
