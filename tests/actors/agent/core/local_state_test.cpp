#include "actors/agent/core/local_state.hpp"
#include "runtime/base/json_codec.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::agent;
using namespace std::chrono_literals;

namespace {

struct fixture {
  local_state_options options;
  local_state state;
  nanos now = 1h;
  explicit fixture(local_state_options o = make()) : options(o), state(o, prng(7)) {}
  static local_state_options make() {
    local_state_options o;
    o.node_name = "n1";
    return o;
  }
  error service(std::string_view json, bool replace = false) {
    service_definition d;
    REQUIRE(from_json(json, d).ok());
    return state.add_service(d, source::api, "", replace, now);
  }
  error check(std::string_view json) {
    check_registration c;
    REQUIRE(from_json(json, c).ok());
    return state.add_check(c, source::api, "", now);
  }
  const health_check& at(const std::string& id) { return *state.checks().at(id).record; }
  bool has_effect(effect_kind k, const std::string& id) {
    for (auto& e : state.drain())
      if (e.kind == k && e.id == id) return true;
    return false;
  }
};

} // namespace

TEST_CASE("checks of a service are named and numbered as Consul does") {
  fixture f;
  CHECK(f.service(R"({"Name":"web","ID":"w1","Tags":["a"],"Check":{"TTL":"10s"}})").code == errc::none);
  CHECK(f.at("service:w1").name == "Service 'web' check");
  CHECK(f.at("service:w1").status == "critical");
  CHECK(f.at("service:w1").type == "ttl");
  CHECK(f.at("service:w1").service_tags == string_slice{"a"});
  CHECK(f.service(R"({"Name":"db","Checks":[{"TTL":"1s"},{"TTL":"2s","Status":"passing"},{"CheckID":"own","TTL":"3s"}]})").code == errc::none);
  CHECK(f.state.checks().contains("service:db:1"));
  CHECK(f.at("service:db:2").status == "passing");
  CHECK(f.state.checks().contains("own"));
}

TEST_CASE("registering a service again keeps what is known of its checks") {
  fixture f;
  CHECK(f.service(R"({"Name":"web","Check":{"TTL":"10s"}})").code == errc::none);
  CHECK(f.state.ttl_update("service:web", "passing", "fine", f.now, 100).code == errc::none);
  CHECK(f.service(R"({"Name":"web","Port":80,"Check":{"TTL":"10s","Status":"warning"}})").code == errc::none);
  CHECK(f.at("service:web").status == "passing");
  CHECK(f.at("service:web").output == "fine");
}

TEST_CASE("replace-existing-checks drops the service's other checks and only those") {
  fixture f;
  CHECK(f.service(R"({"Name":"web","Checks":[{"CheckID":"a","TTL":"1s"},{"CheckID":"b","TTL":"1s"}]})").code == errc::none);
  CHECK(f.check(R"({"Name":"mem","TTL":"1s"})").code == errc::none);
  CHECK(f.service(R"({"Name":"web","Checks":[{"CheckID":"b","TTL":"1s"}]})", true).code == errc::none);
  CHECK_FALSE(f.state.checks().contains("a"));
  CHECK(f.state.checks().contains("b"));
  CHECK(f.state.checks().contains("mem"));
  CHECK(f.service(R"({"Name":"web"})").code == errc::none);
  CHECK(f.state.checks().contains("b"));
}

TEST_CASE("a TTL that runs out makes the check critical and quotes the last output") {
  fixture f;
  CHECK(f.check(R"({"Name":"a","TTL":"10s","Status":"passing"})").code == errc::none);
  CHECK(f.check(R"({"Name":"b","TTL":"10s"})").code == errc::none);
  CHECK(f.state.ttl_update("b", "passing", "hello", f.now + 5s, 100).code == errc::none);
  CHECK(f.state.next_deadline() == f.now + 10s);
  f.state.tick(f.now + 10s);
  CHECK(f.at("a").output == "TTL expired");
  CHECK(f.at("b").status == "passing");
  f.state.tick(f.now + 15s);
  CHECK(f.at("b").status == "critical");
  CHECK(f.at("b").output == "TTL expired (last output before timeout follows): hello");
  CHECK(f.state.ttl_update("nope", "passing", "", f.now, 1).text == "CheckID \"nope\" does not have associated TTL");
  CHECK(f.state.ttl_update("a", "zz", "", f.now, 1).text == "Invalid check status: 'zz'");
}

TEST_CASE("a TTL output longer than the cap is cut and says so") {
  fixture f;
  CHECK(f.check(R"({"Name":"a","TTL":"10s"})").code == errc::none);
  CHECK(f.state.ttl_update("a", "passing", std::string(5000, 'b'), f.now, 1).code == errc::none);
  CHECK(f.at("a").output == std::string(4096, 'b') + " ... (captured 4096 of 5000 bytes)");
}

TEST_CASE("scripts are refused unless they are enabled for where they come from") {
  fixture f;
  CHECK(f.check(R"({"Name":"s","Args":["/bin/true"],"Interval":"1s"})").text ==
        "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true");
  CHECK(f.service(R"({"Name":"web","Check":{"Args":["/bin/true"],"Interval":"1s"}})").code == errc::internal);
  CHECK(f.state.services().empty());
}

TEST_CASE("maintenance is a critical check with Consul's words and goes again") {
  fixture f;
  CHECK(f.service(R"({"Name":"web"})").code == errc::none);
  CHECK(f.state.set_service_maintenance("nope", true, "").text == "No service registered with ID \"nope\"");
  CHECK(f.state.set_service_maintenance("web", true, "why").code == errc::none);
  CHECK(f.at("_service_maintenance:web").notes == "why");
  CHECK(f.at("_service_maintenance:web").type == "maintenance");
  CHECK(f.has_effect(effect_kind::save_check, "_service_maintenance:web"));
  CHECK(f.state.set_service_maintenance("web", false, "").code == errc::none);
  CHECK(f.state.checks().empty());
  CHECK(f.has_effect(effect_kind::forget_check, "_service_maintenance:web"));
  CHECK(f.state.set_node_maintenance(true, "").code == errc::none);
  CHECK(f.at("_node_maintenance").notes.starts_with("Maintenance mode is enabled for this node, but no reason"));
}

TEST_CASE("a sidecar gets the next free port, its two checks, and goes with its service") {
  fixture f;
  CHECK(f.service(R"({"Name":"sc","Port":8080,"Tags":["t"],"Connect":{"SidecarService":{}}})").code == errc::none);
  CHECK(f.service(R"({"Name":"x","Connect":{"SidecarService":{}}})").code == errc::none);
  CHECK(f.service(R"({"Name":"sc","Port":8081,"Connect":{"SidecarService":{}}})").code == errc::none); // keeps its port
  const node_service& side = *f.state.services().at("sc-sidecar-proxy").record;
  CHECK(side.port == 21000);
  CHECK(side.kind == "connect-proxy");
  CHECK(side.proxy.destination_service_id == "sc");
  CHECK(side.proxy.local_service_port == 8081);
  CHECK(f.state.services().at("x-sidecar-proxy").record->port == 21001);
  CHECK(f.at("service:sc-sidecar-proxy:1").name == "Connect Sidecar Listening");
  CHECK(f.at("service:sc-sidecar-proxy:2").name == "Connect Sidecar Aliasing sc");
  CHECK(f.at("service:sc-sidecar-proxy:2").status == "passing");
  CHECK(f.state.remove_service("sc").code == errc::none);
  CHECK_FALSE(f.state.services().contains("sc-sidecar-proxy"));
  CHECK(f.state.services().contains("x-sidecar-proxy"));
}

TEST_CASE("an alias follows the service's and the node's checks") {
  fixture f;
  CHECK(f.service(R"({"Name":"web","Check":{"CheckID":"c","Name":"see","TTL":"10s","Status":"passing"}})").code == errc::none);
  CHECK(f.service(R"({"Name":"front","Check":{"CheckID":"al","AliasService":"web"}})").code == errc::none);
  CHECK(f.at("al").status == "passing");
  CHECK(f.at("al").output == "All checks passing.");
  CHECK(f.state.ttl_update("c", "warning", "slow", f.now, 1).code == errc::none);
  CHECK(f.at("al").status == "warning");
  CHECK(f.at("al").output == "Aliased check \"see\" failing: slow");
  CHECK(f.check(R"({"Name":"mem","TTL":"1s"})").code == errc::none);
  CHECK(f.at("al").output == "Aliased check \"mem\" failing: ");
  CHECK(f.state.remove_check("mem").code == errc::none);
  CHECK(f.at("al").status == "warning");
  CHECK(f.state.remove_service("web").code == errc::none);
  CHECK(f.at("al").output == "Service web could not be found on node ");
}

TEST_CASE("aliases in a ring come to rest") {
  fixture f;
  CHECK(f.service(R"({"Name":"a","Check":{"CheckID":"ca","AliasService":"b"}})").code == errc::none);
  CHECK(f.service(R"({"Name":"b","Check":{"CheckID":"cb","AliasService":"a"}})").code == errc::none);
  CHECK(f.state.checks().size() == 2);
}

TEST_CASE("a service whose check is critical for too long is deregistered, at the earliest after the minimum") {
  fixture f;
  CHECK(f.service(R"({"Name":"web","Check":{"TTL":"1h","DeregisterCriticalServiceAfter":"1s"}})").code == errc::none);
  f.state.tick(f.now);
  f.state.tick(f.now + 59s);
  CHECK(f.state.services().contains("web"));
  f.state.tick(f.now + 95s);
  CHECK_FALSE(f.state.services().contains("web"));
  CHECK(f.state.removed_services.contains("web"));
}

TEST_CASE("a check that recovers starts its critical time anew") {
  fixture f;
  CHECK(f.service(R"({"Name":"web","Check":{"CheckID":"c","TTL":"1h","DeregisterCriticalServiceAfter":"1m"}})").code == errc::none);
  f.state.tick(f.now);
  CHECK(f.state.ttl_update("c", "passing", "", f.now + 50s, 1).code == errc::none);
  CHECK(f.state.ttl_update("c", "critical", "", f.now + 80s, 1).code == errc::none);
  f.state.tick(f.now + 130s);
  CHECK(f.state.services().contains("web"));
  f.state.tick(f.now + 170s);
  CHECK_FALSE(f.state.services().contains("web"));
}

TEST_CASE("a new output with the old status waits between half and one and a half intervals") {
  fixture f;
  CHECK(f.check(R"({"Name":"a","TTL":"10h","Status":"passing"})").code == errc::none);
  f.state.mark_check("a", true);
  CHECK(f.state.ttl_update("a", "passing", "one", f.now, 1).code == errc::none);
  CHECK(f.state.dirty_checks.empty());
  const nanos due = f.state.next_deadline();
  CHECK(due >= f.now + 150s);
  CHECK(due <= f.now + 450s);
  f.state.tick(due);
  CHECK(f.state.dirty_checks.contains("a"));
  f.state.mark_check("a", true);
  CHECK(f.state.ttl_update("a", "critical", "two", f.now, 1).code == errc::none);
  CHECK(f.state.dirty_checks.contains("a"));
}

TEST_CASE("services of files are replaced as a whole while those of the API stay") {
  fixture f;
  CHECK(f.service(R"({"Name":"api"})").code == errc::none);
  service_definition one, two;
  REQUIRE(from_json(R"({"Name":"one","Check":{"CheckID":"c1","TTL":"1h"}})", one).ok());
  REQUIRE(from_json(R"({"Name":"two"})", two).ok());
  CHECK(f.state.replace_file_services({one, two}, f.now).code == errc::none);
  CHECK(f.state.ttl_update("c1", "passing", "ok", f.now, 1).code == errc::none);
  one.port = 99;
  CHECK(f.state.replace_file_services({one}, f.now).code == errc::none);
  CHECK(f.state.services().contains("api"));
  CHECK_FALSE(f.state.services().contains("two"));
  CHECK(f.state.services().at("one").record->port == 99);
  CHECK(f.at("c1").status == "passing");
}

TEST_CASE("deregistering what is not there is no error, an empty id is") {
  fixture f;
  CHECK(f.state.remove_service("x").code == errc::none);
  CHECK(f.state.remove_check("x").code == errc::none);
  CHECK(f.state.remove_service("").text == "ServiceID missing");
  CHECK(f.state.remove_check("").text == "CheckID missing");
  CHECK(f.check(R"({"Name":"a","TTL":"1s","ServiceID":"absent"})").text == "ServiceID \"absent\" does not exist");
}

TEST_CASE("a reload keeps the checks that others registered for a service of a file, and what is known of those beside it") {
  fixture f;
  service_definition one;
  REQUIRE(from_json(R"({"Name":"one","Check":{"CheckID":"in","TTL":"1h"}})", one).ok());
  check_registration beside, by_api;
  beside.name = "beside";
  by_api.name = "by-api";
  beside.service_id = by_api.service_id = "one";
  beside.ttl = by_api.ttl = 1h;
  REQUIRE(f.state.replace_file_services({one}, f.now).code == errc::none);
  REQUIRE(f.state.replace_file_checks({beside}, f.now).code == errc::none);
  REQUIRE(f.state.add_check(by_api, source::api, "", f.now).code == errc::none);
  for (auto id : {"in", "beside", "by-api"}) REQUIRE(f.state.ttl_update(id, "passing", "ok", f.now, 1).code == errc::none);
  CHECK(f.state.replace_file_services({one}, f.now).code == errc::none);
  CHECK(f.state.replace_file_checks({beside}, f.now).code == errc::none);
  for (auto id : {"in", "beside", "by-api"}) {
    CAPTURE(id);
    REQUIRE(f.state.checks().contains(id));
    CHECK(f.state.checks().at(id).record->status == "passing");
  }
  CHECK(f.state.replace_file_checks({}, f.now).code == errc::none);
  CHECK_FALSE(f.state.checks().contains("beside"));
  one.check = {};
  CHECK(f.state.replace_file_services({one}, f.now).code == errc::none);
  CHECK_FALSE(f.state.checks().contains("in"));
  CHECK(f.state.checks().contains("by-api"));
}
