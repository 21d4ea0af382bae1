#include "actors/events/core/event_core.hpp"
#include "actors/events/core/exec_job.hpp"
#include "actors/events/core/wire.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::events;

namespace {

std::string from_hex(std::string_view hex) {
  std::string out;
  auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}

// What a real Consul 1.8.7 gossiped (fixture consul-user-event).
const std::string captured = from_hex("86a24944d92430383837626139302d393832302d653839322d333530652d396435353332393565623166a16ea66465706c6f79a26e66a3632e2aa1"
                                      "70c4087061796c6f616421a27366a3776562a17601");

user_event_record event(std::string name, std::string node = {}, std::string service = {}, std::string tag = {}) {
  user_event_record e;
  e.name = std::move(name);
  e.node_filter = std::move(node);
  e.service_filter = std::move(service);
  e.tag_filter = std::move(tag);
  return e;
}

bool reaches(const user_event_record& e) { return concerns_us(e, "node-7", {{"web-1", {"v1", "blue"}}, {"db", {}}}).ours; }

} // namespace

TEST_CASE("a captured event decodes, and encodes to the same bytes") {
  auto e = decode_event(captured);
  REQUIRE(e);
  CHECK(e->id == "0887ba90-9820-e892-350e-9d553295eb1f");
  CHECK(e->name == "deploy");
  CHECK(e->node_filter == "c.*");
  CHECK(e->service_filter == "web");
  CHECK(e->tag_filter.empty());
  CHECK(e->payload == "payload!");
  CHECK(e->version == 1);
  CHECK(encode_event(*e) == captured);
}

TEST_CASE("an event that is cut anywhere, or is no map, is refused") {
  for (size_t n = 0; n < captured.size(); ++n) CHECK(!decode_event(captured.substr(0, n)));
  CHECK(!decode_event("\x01"));
  CHECK(!decode_event("\x91\x01"));
  CHECK(!decode_event("\xdf\xff\xff\xff\xff"));
}

TEST_CASE("names that are not known are passed over, payloads in the old string family are read") {
  auto e = decode_event(std::string("\x82\xa1x\x93\x01\x02\x03\xa1p\xa2hi"));
  REQUIRE(e);
  CHECK(e->payload == "hi");
}

TEST_CASE("an event reaches a node by its name, its services' ids and their tags") {
  CHECK(reaches(event("e")));
  CHECK(reaches(event("e", "^node-[0-9]$")));
  CHECK(!reaches(event("e", "^other$")));
  CHECK(reaches(event("e", "", "web")));
  CHECK(!reaches(event("e", "", "mail")));
  CHECK(reaches(event("e", "", "web", "^blue$")));
  CHECK(!reaches(event("e", "", "db", "blue")));
  CHECK(reaches(event("e", "node", "db|web", "v[0-9]")));
  CHECK(!reaches(event("e", "other", "web", "v1")));
}

TEST_CASE("a filter that is no expression lets nobody pass and is complained about") {
  auto v = concerns_us(event("e", "["), "n", {});
  CHECK(!v.ours);
  CHECK(v.complaint == "Failed to parse node filter for event: filter=[ event=e error=\"error parsing regexp: missing closing ]: `[`\"");
  CHECK(!concerns_us(event("e", "", "x", "("), "n", {}).complaint.empty());
}

TEST_CASE("the last 256 events are kept, oldest first, and a list's index is its last one's id") {
  event_core core;
  CHECK(index_of(core.list()) == 1);
  for (int i = 0; i < 300; ++i) {
    auto e = event(i % 2 ? "odd" : "even");
    e.id = "00000000-0000-0000-0000-00000000" + std::to_string(1000 + i);
    e.ltime = static_cast<uint64_t>(i);
    core.add(e);
  }
  auto list = core.list();
  CHECK(list.size() == 256);
  CHECK(list.front()->ltime == 44);
  CHECK(list.back()->ltime == 299);
  CHECK(index_of(list) == 0x1299);
  CHECK(named(list, "even").size() == 128);
  CHECK(index_of(named(list, "even")) == 0x1298);
  CHECK(index_of(named(list, "none")) == 1);
}

TEST_CASE("an index is the exclusive-or of an id's halves, as the real one's X-Consul-Index shows") {
  CHECK(event_index("2d40a3c5-7142-5772-b37f-5ae3b14c1cb4") == 11403106726351621062u);
  CHECK(event_index("no uuid") == 0);
  CHECK(event_index("2d40a3c5-7142-5772-b37f-5ae3b14c1cbx") == 0);
}

TEST_CASE("an event that is fired must have a name, and filters that are expressions") {
  CHECK(check_event(event("e", "n", "s", "t")));
  CHECK(check_event(event("")).err().text == "User event missing name");
  CHECK(check_event(event("e", "", "", "t")).err().text == "Cannot provide tag filter without service filter");
  CHECK(check_event(event("e", "(")).err().text == "Invalid node filter: error parsing regexp: missing closing ): `(`");
  CHECK(check_event(event("e", "(?:\\pL{40})?")).err().text.find("Invalid node filter: error parsing regexp: expression too large") == 0); // some milliseconds, not hundreds
  CHECK(check_event(event("e", "\\pL\\pL\\pL\\pL\\pL\\pL")).err().text == "Invalid node filter: expression too large"); // each agent compiles it
  CHECK(check_event(event("e", "", "a", "*")).err().text == "Invalid tag filter: error parsing regexp: missing argument to repetition operator: `*`");
}

TEST_CASE("a job of consul exec is found, read and answered below its session") {
  auto at = decode_exec_address(R"({"Prefix":"_rexec","Session":"5c8a"})");
  REQUIRE(at);
  CHECK(exec_key(*at, "job") == "_rexec/5c8a/job");
  CHECK(exec_output_key(*at, "n1", 26) == "_rexec/5c8a/n1/out/0001a");
  auto job = decode_exec_job(R"({"Command":"uptime","Args":null,"Script":null,"Wait":2000000000})");
  REQUIRE(job);
  CHECK(job->command == "uptime");
  CHECK(job->wait == std::chrono::seconds(2));
  auto script = decode_exec_job(R"({"Command":"","Args":["a","b"],"Script":"ZWNobyBoaQo=","Wait":1,"New":[]})");
  REQUIRE(script);
  CHECK(script->script == "echo hi\n");
  CHECK(script->args.size() == 2);
  CHECK(!decode_exec_job("{"));
  CHECK(!decode_exec_address("[1]"));
}

TEST_CASE("output goes in pieces of 4 KiB, the rest when it is quiet, a heartbeat when there is none") {
  using namespace std::chrono_literals;
  exec_output out(0s, 2s);
  CHECK(!out.next(1s));
  CHECK(*out.next(2s) == "");
  CHECK(!out.next(3s));
  out.add(std::string(5000, 'x'), 3s);
  CHECK(out.next(3s)->size() == 4096);
  CHECK(!out.next(3400ms));
  CHECK(out.next(3500ms)->size() == 904);
  CHECK(!out.next(5s));
  CHECK(*out.next(5500ms) == "");
  out.add("end", 6s);
  out.finish();
  CHECK(*out.next(6s) == "end");
  CHECK(!out.next(100s));
}
