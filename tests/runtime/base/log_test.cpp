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
