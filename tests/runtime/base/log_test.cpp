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
  for (auto text : {"serf: EventMemberJoin: vm 127.0.0.1", "no: such = thing", "cut: a=\"b", "", ": ", "x: =1", "x: a=1 b"})
    CHECK(json(text).starts_with("\"@message\":"));
  CHECK(json("serf: EventMemberJoin: vm 127.0.0.1").find("\"@message\":\"serf: EventMemberJoin: vm 127.0.0.1\"") == 0);
  CHECK(json("a: b: c=1").starts_with("\"@message\":\"a: b\""));
}
