#include "runtime/base/hcl.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {

std::string json_of(std::string_view hcl) {
  auto v = parse_hcl(hcl, "t.hcl");
  return v ? to_json(*v) : "error: " + v.err().text;
}

std::string json_again(std::string_view json) {
  auto v = parse_json_value(json, "t.json");
  return v ? to_json(*v) : "error: " + v.err().text;
}

} // namespace

TEST_CASE("what is not UTF-8 is refused: surrogates and overlong forms, too") {
  for (const char* bytes : {"\xED\xBB\xBF", "\xC0\x80", "\xE0\x80\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xFF", "\xE2\x82"})
    CHECK(json_of("a = \"" + std::string(bytes) + "\"").starts_with("error: illegal UTF-8 encoding"));
  CHECK(json_of("a = \"\xE2\x82\xAC\xF0\x9F\x98\x80\"") == "{\"a\":\"\xE2\x82\xAC\xF0\x9F\x98\x80\"}");
}

TEST_CASE("a tree's JSON is the same once it was read again, numbers without a sign to keep included") {
  for (const char* json : {R"({"a":-0e-220})", R"({"a":-0.0,"b":[1e-400,5e-324,1e308]})"}) {
    const auto once = json_again(json);
    CHECK(json_again(once) == once);
  }
}

TEST_CASE("HCL gives the tree that Consul's decoder sees") {
  struct row {
    const char* hcl;
    const char* json;
  };
  const row rows[] = {
      {"", "{}"},
      {"a = 1", R"({"a":1})"},
      {"# c\na = true // x\n/* b\n = 3 */ c = \"x\"", R"({"a":true,"c":"x"})"},
      {"a=1 b=-2, c=1.5 d=0x10 e=012 f=1e3", R"({"a":1,"b":-2,"c":1.5,"d":16,"e":10,"f":1000})"},
      {"a { b { c = 1 } }", R"({"a":{"b":{"c":1}}})"},
      {"a = { b = 1, c = 2 }", R"({"a":{"b":1,"c":2}})"},
      {"service \"web\" { port = 1 }", R"({"service":{"web":{"port":1}}})"},
      {"a \"b\" \"c\" { d = 1 }", R"({"a":{"b":{"c":{"d":1}}}})"},
      {"a {x=1} a {x=2} a {x=3}", R"({"a":[{"x":1},{"x":2},{"x":3}]})"},
      {"a = 1 a = 2", R"({"a":2})"},
      {"a = [\"x\"] a = [\"y\"]", R"({"a":["x","y"]})"},
      {"a = [1, 2, [3], {b = 4},]", R"({"a":[1,2,[3],{"b":4}]})"},
      {"a = [\n 1, # one\n 2\n]", R"({"a":[1,2]})"},
      {"\"a b\" = \"x\"", R"({"a b":"x"})"},
      {"a-b.c = 1", R"({"a-b.c":1})"},
      {R"(a = "q\"\\\n\u00e9\x41\101")", "{\"a\":\"q\\\"\\\\\\n\u00e9AA\"}"},
      {R"(a = "${file("x\n")} {y}")", R"({"a":"${file(\"x\\n\")} {y}"})"},
      {"a = <<EOF\nx\n  y\nEOF\nb = 1", R"({"a":"x\n  y\n","b":1})"},
      {"a = <<-EOF\n    x\n      y\n    EOF\n", R"({"a":"x\n  y\n"})"},
      {"a = <<-EOF\n  x\n      y\n    EOF\n", R"({"a":"  x\n      y\n"})"},
      {"\xEF\xBB\xBF" "a = 1", R"({"a":1})"},
      {"server = \n", "{}"},
  };
  for (auto& r : rows) {
    CAPTURE(r.hcl);
    CHECK(json_of(r.hcl) == r.json);
  }
}

TEST_CASE("HCL errors are those of Consul 1.8.7, position included") {
  struct row {
    const char* after_first_line; // the first line is data_dir="/tmp/x"
    const char* message;
  };
  const row rows[] = {
      {"server = true }\n", "At 2:15: expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE"},
      {"ports { dns = 1\n", "At 3:2: object expected closing RBRACE got: EOF"},
      {"retry_join = [\"a\" \"b\"]\n", "At 2:19: error parsing list, expected comma or list end, got: STRING"},
      {"= 3\n", "At 2:1: no object keys found!"},
      {"a b c\n", "At 3:1: key 'a b c' expected start of object ('{') or assignment ('=')"},
      {"x = <<EOF\nabc\n", "At 4:1: heredoc not terminated"},
      {"/* abc\n", "At 3:1: comment not terminated"},
      {"x = \"a\\qb\"\n", "At 2:8: illegal char escape"},
      {"x = \"\\\n\"\n", "At 2:7: illegal char escape"},
      {"x = @\n", "At 2:5: illegal char"},
      {"x = {\n", "At 3:2: object expected closing RBRACE got: EOF"},
      {"x = [\n", "At 3:1: unexpected token while parsing list: EOF"},
      {"server=TRUE\n", "At 2:8: Unknown token: 2:8 IDENT TRUE"},
      {"server=null\n", "At 2:8: Unknown token: 2:8 IDENT null"},
      {"x = \"y\n", "At 2:7: literal not terminated"},
  };
  for (auto& r : rows) {
    CAPTURE(r.after_first_line);
    CHECK(json_of(std::string("data_dir=\"/tmp/x\"\n") + r.after_first_line) == std::string("error: ") + r.message);
  }
  CHECK(json_of("foo") == "error: At 1:5: key 'foo' expected start of object ('{') or assignment ('=')");
}

TEST_CASE("values know the line and the file they came from") {
  auto v = parse_hcl("a = 1\n\nb {\n c = [\n 2]\n}", "dir/t.hcl");
  REQUIRE(v.ok());
  CHECK(v->find("a")->where() == "dir/t.hcl:1");
  CHECK(v->find("b")->where() == "dir/t.hcl:3");
  CHECK(v->find("b")->find("c")->list[0].line == 5);
  auto j = parse_json_value("{\n\"a\":\n 1}", "t.json");
  REQUIRE(j.ok());
  CHECK(j->find("a")->where() == "t.json:3");
}

TEST_CASE("nesting, size and number of values are bounded") {
  const value_limits small{.max_bytes = 100, .max_depth = 5, .max_nodes = 10};
  CHECK_FALSE(parse_hcl(std::string(101, ' '), "", small).ok());
  CHECK_FALSE(parse_hcl("a {b {c {d {e {f {} }}}}}", "", small).ok());
  CHECK_FALSE(parse_hcl("a = [[[[[[[]]]]]]]", "", small).ok());
  CHECK_FALSE(parse_hcl("a \"b\" \"c\" \"d\" \"e\" \"f\" \"g\" {}", "", small).ok());
  CHECK_FALSE(parse_hcl("a = [1,2,3,4,5,6,7,8,9,10,11]", "", small).ok());
  CHECK_FALSE(parse_json_value("[[[[[[[]]]]]]]", "", small).ok());
  CHECK_FALSE(parse_json_value("[1,2,3,4,5,6,7,8,9,10,11]", "", small).ok());
  CHECK_FALSE(parse_hcl(std::string(100'000, '{')).ok());
  CHECK_FALSE(parse_hcl("a = " + std::string(100'000, '[')).ok());
  CHECK_FALSE(parse_json_value(std::string(100'000, '[')).ok());
}

TEST_CASE("JSON reads what Go reads and refuses in Go's words") {
  struct row {
    const char* json;
    const char* outcome;
  };
  const row rows[] = {
      {"", "null"},
      {" \n", "null"},
      {R"({"a":[1,-2,1.5,true,null,"x\u00e9"],"b":{"c":{}}})", "{\"a\":[1,-2,1.5,true,null,\"x\u00e9\"],\"b\":{\"c\":{}}}"},
      {R"({"a":1,"b":2,"a":3})", R"({"a":3,"b":2})"},
      {R"({"a":"/tmp/x",})", "error: invalid character '}' looking for beginning of object key string"},
      {R"({"a":"/tmp/x"} x)", "error: invalid character 'x' after top-level value"},
      {R"({"a":"\x"})", "error: invalid character 'x' in string escape code"},
      {R"({"a":01})", "error: invalid character '1' after object key:value pair"},
      {R"({"a":")", "error: unexpected end of JSON input"},
      {R"({"d":"/x" "a":1})", "error: invalid character '\"' after object key:value pair"},
      {R"({"d" 1})", "error: invalid character '1' after object key"},
      {R"({"d":["a" "b"]})", "error: invalid character '\"' after array element"},
      {R"({"d":["a",],})", "error: invalid character ']' looking for beginning of value"},
      {R"({"d":"/x")", "error: unexpected end of JSON input"},
      {R"({"d":1} // c)", "error: invalid character '/' after top-level value"},
  };
  for (auto& r : rows) {
    CAPTURE(r.json);
    CHECK(json_again(r.json) == r.outcome);
  }
  CHECK_FALSE(parse_json_value(std::string_view("{}\0{}", 5)).ok());
  CHECK_FALSE(parse_json_value("{\"a\":\"\xff\"}").ok());
}

TEST_CASE("what begins with a brace is JSON, as in Consul") {
  auto v = parse_hcl(" \n{\"node_meta\": {\"a\": \"b\"}, \"n\": 1}", "t.hcl");
  REQUIRE(v);
  REQUIRE(v->find("node_meta"));
  CHECK(v->find("node_meta")->find("a")->string == "b");
  CHECK(v->find("n")->integer == 1);
  CHECK_FALSE(parse_hcl("{\"a\":", "t.hcl"));
}
