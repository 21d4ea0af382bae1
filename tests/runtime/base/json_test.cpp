#include "runtime/base/json_codec.hpp"
#include "runtime/base/value.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {
struct inner {
  std::string text;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("Text", s.text); }
};
struct sample {
  bool flag = false;
  int64_t number = 0;
  double real = 0;
  std::string bytes;
  nanos wait{0};
  list_of<std::string> list;
  map_of<std::string> map;
  boxed<inner> box;
  free_map open;
  std::string left_out;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Flag", s.flag);
    v("Number", s.number);
    v("Real", s.real);
    v("Bytes", s.bytes, {.bytes = true});
    v("Wait", s.wait);
    v("List", s.list);
    v("Map", s.map);
    v("Box", s.box);
    v("Open", s.open);
    v("LeftOut", s.left_out, {.omit_empty = true, .alias = "left_out"});
  }
};
std::string text(std::string_view s) {
  std::string out;
  json_writer::append_string(out, s);
  return out;
}
std::string number(double d) {
  std::string out;
  json_writer(out).number(d);
  return out;
}
std::string failure(std::string_view body) {
  sample x;
  auto s = from_json(body, x);
  return s ? "" : s.err().text;
}
} // namespace

TEST_CASE("strings are escaped as Go escapes them") {
  CHECK(text("a<b>&c") == R"("a\u003cb\u003e\u0026c")");
  CHECK(text("q\"b\\n\n\t\x01") == R"("q\"b\\n\n\t\u0001")");
  CHECK(text("k\xc3\xa9y") == "\"k\xc3\xa9y\"");
  CHECK(text("bad\xff\xc3") == R"("bad\ufffd\ufffd")");
  CHECK(text("\xe2\x80\xa8") == R"("\u2028")");
  CHECK(text("\xed\xa0\x80") == R"("\ufffd\ufffd\ufffd")"); // a surrogate is no UTF-8
}

TEST_CASE("floats follow Go's rules") {
  CHECK(number(0.00001) == "0.00001");
  CHECK(number(1e-7) == "1e-7");
  CHECK(number(1e21) == "1e+21");
  CHECK(number(1.5) == "1.5");
  CHECK(number(3) == "3");
}

TEST_CASE("nil and empty differ, omitempty leaves out, and what was written reads back") {
  sample x;
  CHECK(to_json(x) == R"({"Flag":false,"Number":0,"Real":0,"Bytes":null,"Wait":"0s","List":null,"Map":null,"Box":null,"Open":null})");
  auto full = R"({"Flag":true,"Number":-5,"Real":0.5,"Bytes":"AAH/","Wait":"1m30s","List":[],"Map":{"a":"b"},"Box":{"Text":"t"},"Open":{"x":[1,"y",null,{"z":true}]},"LeftOut":"no"})";
  REQUIRE(from_json(full, x).ok());
  CHECK(x.bytes == std::string("\0\1\xff", 3));
  CHECK(to_json(x) == full);
}

TEST_CASE("names match without regard to case, aliases too, and durations may be numbers") {
  sample x;
  REQUIRE(from_json(R"({"NUMBER":7,"left_out":"y","wait":5000000000})", x).ok());
  CHECK(x.number == 7);
  CHECK(x.left_out == "y");
  CHECK(x.wait == std::chrono::seconds(5));
}

TEST_CASE("errors have Go's words") {
  CHECK(failure("") == "EOF");
  CHECK(failure("{\"Number\":") == "unexpected EOF");
  CHECK(failure("abc") == "invalid character 'a' looking for beginning of value");
  CHECK(failure("nope") == "invalid character 'o' in literal null (expecting 'u')");
  CHECK(failure(R"({"Foo":1})") == R"(json: unknown field "Foo")");
  CHECK(failure(R"({"Number":"x"})") == "json: cannot unmarshal string into Go struct field .Number of type int");
  CHECK(failure(R"({"Wait":"abc"})") == R"(time: invalid duration "abc")");
  CHECK(failure(R"({"Wait":""})") == R"(time: invalid duration "")"); // not zero: what has no TTL would count as healthy
}

TEST_CASE("deep nesting is refused and costs no stack") {
  std::string deep = R"({"Open":{"a":)" + std::string(200000, '[') + std::string(200000, ']') + "}}";
  CHECK(failure(deep) == "exceeded max depth");
}

TEST_CASE("numbers keep their type and are rounded to the nearest double, however small and however they are written") {
  auto doc = json_document::parse("[-0,4294967295,-2147483649,18446744073709551615,-9223372036854775809,0.123456789012345678,1E2,1e-400]");
  REQUIRE(doc.ok());
  auto& n = doc->root();
  CHECK((n[0].IsInt() && n[0].GetInt() == 0));
  CHECK((n[1].IsUint() && n[1].GetUint() == 4294967295U));
  CHECK((n[2].IsInt64() && n[2].GetInt64() == -2147483649LL));
  CHECK((n[3].IsUint64() && n[3].GetUint64() == 18446744073709551615ULL));
  CHECK((n[4].IsDouble() && n[4].GetDouble() == -9223372036854775808.0));
  CHECK(n[5].GetDouble() == 0.123456789012345678);
  CHECK((n[6].IsDouble() && n[6].GetDouble() == 100));
  CHECK(n[7].GetDouble() == 0);
  // Twenty digits behind zeros and an exponent: RapidJSON's own conversion crashed.
  for (auto& text : {std::string("0.0000018446744073709551615e-340"), "0." + std::string(420, '0') + "18446744073709551615"}) {
    CAPTURE(text);
    auto tiny = json_document::parse(text);
    REQUIRE(tiny.ok());
    CHECK(tiny->root().GetDouble() == 0);
    auto value = parse_json_value(text, "f", {});
    REQUIRE(value.ok());
    CHECK((value->is_number() && value->real == 0));
  }
  CHECK_FALSE(json_document::parse("1e400").ok());
  CHECK_FALSE(json_document::parse("1.8e308").ok());
  CHECK(parse_json_value("[1.8e308]", "f", {}).err().text == "number out of range");
}

TEST_CASE("pretty is Go's four-space indent") {
  CHECK(json_pretty(R"({"a":[1,{}],"b":"x:,{"})") == "{\n    \"a\": [\n        1,\n        {}\n    ],\n    \"b\": \"x:,{\"\n}\n");
}

TEST_CASE("base64 reads back what it wrote and refuses what is none") {
  for (std::string s : {"", "a", "ab", "abc", "abcd"}) {
    std::string coded, back;
    append_base64(coded, s);
    REQUIRE(decode_base64(coded, back));
    CHECK(back == s);
  }
  std::string out;
  CHECK_FALSE(decode_base64("a", out));
  CHECK_FALSE(decode_base64("a=bc", out));
  CHECK_FALSE(decode_base64("????", out));
}

TEST_CASE("times are RFC 3339 with as many digits as they need") {
  wall_time t;
  CHECK(format_wall_time(t) == "0001-01-01T00:00:00Z");
  REQUIRE(parse_wall_time("2026-11-21T07:44:25.856Z", t));
  CHECK(format_wall_time(t) == "2026-11-21T07:44:25.856Z");
  CHECK_FALSE(parse_wall_time("2026-13-21T07:44:25Z", t));
}
