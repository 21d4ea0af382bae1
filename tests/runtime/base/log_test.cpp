#include "runtime/base/log.hpp"
#include <doctest/doctest.h>

using namespace actord;

namespace {
std::string json(std::string_view text) {
  auto line = log::format_json({log::level::info, 0, "agent", text});
  CHECK(line.ends_with("}\n"));
  return line.substr(line.find("\"@message\""));
}
const std::string after = ",\"@module\":\"agent\",\"@timestamp\":\"1970-01-01T00:00:00.000Z\"";
} // namespace

TEST_CASE("the fields of a line are fields of its JSON") {
  CHECK(json("Synced service: service=mon") == "\"@message\":\"Synced service\"" + after + ",\"service\":\"mon\"}\n");
  CHECK(json("joined: number_of_nodes=3 why=\"a b\" at=[1, 2]") ==
        "\"@message\":\"joined\"" + after + ",\"number_of_nodes\":3,\"why\":\"a b\",\"at\":\"[1, 2]\"}\n");
}

TEST_CASE("what only looks like fields stays in the message") {
  for (const std::string text : {"serf: EventMemberJoin: vm 127.0.0.1", "no: such = thing", "", ": ", "x: =1", "x: a=1 b", "x: @level=info @message=fine", "x: a=1 a=2"})
    CHECK(json(text) == "\"@message\":\"" + text + "\"" + after + "}\n");
  CHECK(json("cut: a=\"b") == "\"@message\":\"cut: a=\\\"b\"" + after + "}\n");
  CHECK(json("a: b: c=1") == "\"@message\":\"a: b\"" + after + ",\"c\":1}\n");
}

TEST_CASE("of a long line both ends are kept") {
  std::string heard;
  const int sink = log::add_sink(log::level::info, [&](const log::record& r) { heard = r.text; });
  log::info("agent", "{}", std::string(8192, 'a'));
  CHECK(heard == std::string(8192, 'a'));
  log::info("agent", "Request error: url={} error=\"why\"", std::string(900'000, 'a'));
  CHECK(heard.starts_with("Request error: url=aaa"));
  CHECK(heard.ends_with("aaa error=\"why\""));
  CHECK(heard.size() < 8300);
  const auto at = heard.find("<891839-bytes-left-out>");
  CHECK(at == 6144);
  std::string umlauts = "a";
  while (umlauts.size() < 20'000) umlauts += "ü";
  log::info("agent", "{}", umlauts);
  log::remove_sink(sink);
  CHECK(heard.find("ü<11810-bytes-left-out>ü") != heard.npos);
}
