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
  service_definition definition(std::string_view json) {
    service_definition d;
    REQUIRE(from_json(json, d).ok());
    return d;
  }
  check_registration check_definition(std::string_view json) {
    check_registration c;
    REQUIRE(from_json(json, c).ok());
    return c;
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

TEST_CASE("a check registered again keeps what is known of it, whoever registers it, as what and with whatever status") {
  const char* again[] = {
      R"({"Name":"c","TTL":"10s"})", R"({"Name":"c","TTL":"10s","Status":"passing"})", R"({"ID":"c","Name":"other","Notes":"n","TTL":"99h"})",
      R"({"Name":"c","TCP":"127.0.0.1:1","Interval":"10s"})", R"({"Name":"c","HTTP":"http://127.0.0.1:1","Interval":"5s","Status":"critical"})"};
  for (auto* json : again) {
    CAPTURE(json);
    fixture f;
    REQUIRE(f.check(R"({"Name":"c","TTL":"10s"})").code == errc::none);
    REQUIRE(f.state.ttl_update("c", "warning", "hm", f.now, 1).code == errc::none);
    const nanos critical_since = f.state.checks().at("c").critical_since;
    SUBCASE("by the API") { CHECK(f.check(json).code == errc::none); }
    SUBCASE("by a file") { CHECK(f.state.replace_file_checks({f.check_definition(json)}, f.now).code == errc::none); }
    SUBCASE("twice, as another kind between") {
      CHECK(f.check(R"({"Name":"c","TCP":"127.0.0.1:9","Interval":"1s"})").code == errc::none);
      CHECK(f.check(json).code == errc::none);
    }
    CHECK(f.at("c").status == "warning");
    CHECK(f.at("c").output == "hm");
    CHECK(f.state.checks().at("c").critical_since == critical_since);
  }
}

TEST_CASE("a service's check keeps what is known of it when it is registered beside the service, and a sidecar's does") {
  fixture f;
  REQUIRE(f.service(R"({"Name":"web","Port":1,"Check":{"TTL":"1h"},"Connect":{"SidecarService":{"Check":{"TTL":"1h"}}}})").code == errc::none);
  for (auto id : {"service:web", "service:web-sidecar-proxy"}) REQUIRE(f.state.ttl_update(id, "warning", "hm", f.now, 1).code == errc::none);
  CHECK(f.check(R"({"ID":"service:web","Name":"x","ServiceID":"web","TTL":"2h","Status":"passing"})").code == errc::none);
  CHECK(f.service(R"({"Name":"web","Port":2,"Connect":{"SidecarService":{"Check":{"TCP":"a:1","Interval":"1s","Status":"passing"}}}})").code == errc::none);
  for (auto id : {"service:web", "service:web-sidecar-proxy"}) {
    CHECK(f.at(id).status == "warning");
    CHECK(f.at(id).output == "hm");
  }
}

TEST_CASE("a TTL registered again has all of its new time") {
  fixture f;
  REQUIRE(f.check(R"({"Name":"c","TTL":"3s"})").code == errc::none);
  REQUIRE(f.state.ttl_update("c", "passing", "ok", f.now, 1).code == errc::none);
  f.now += 2s;
  REQUIRE(f.check(R"({"Name":"c","TTL":"3s"})").code == errc::none);
  f.state.tick(f.now + 2900ms);
  CHECK(f.at("c").status == "passing");
  f.state.tick(f.now + 3s);
  CHECK(f.at("c").status == "critical");
  CHECK(f.check(R"({"Name":"c","TTL":"3s"})").code == errc::none);
  CHECK(f.at("c").output == "TTL expired");
}

TEST_CASE("a check that becomes a TTL is run no more, and a run under way says nothing of it") {
  for (auto* json : {R"({"Name":"c","TTL":"1h"})", R"({"Name":"c","AliasService":"web"})"}) {
    CAPTURE(json);
    fixture f;
    REQUIRE(f.service(R"({"Name":"web"})").code == errc::none);
    REQUIRE(f.check(R"({"Name":"c","TCP":"127.0.0.1:1","Interval":"1s"})").code == errc::none);
    CHECK(f.has_effect(effect_kind::run_check, "c"));
    REQUIRE(f.check(json).code == errc::none);
    CHECK(f.has_effect(effect_kind::stop_check, "c"));
    const std::string output = f.at("c").output;
    f.state.check_ran("c", "warning", "late", f.now);
    CHECK(f.at("c").status != "warning");
    CHECK(f.at("c").output == output);
  }
}

TEST_CASE("one check id in two services, or of a service and the node, is refused with a text, and nothing is changed") {
  fixture f;
  REQUIRE(f.service(R"({"Name":"a","Check":{"CheckID":"x","TTL":"1h"}})").code == errc::none);
  REQUIRE(f.check(R"({"Name":"n","TTL":"1h"})").code == errc::none);
  (void)f.state.drain();
  const std::string text = "CheckID \"x\" is taken by a check of service \"a\": give the check of service \"b\" another CheckID, or deregister the other one first";
  const error by_service = f.service(R"({"Name":"b","Checks":[{"TTL":"1h"},{"CheckID":"x","TTL":"1h"}]})");
  CHECK(by_service.code == errc::bad_request);
  CHECK(by_service.text == text);
  CHECK_FALSE(f.state.services().contains("b"));
  CHECK_FALSE(f.state.checks().contains("service:b:1"));
  CHECK(f.service(R"({"Name":"b","Port":1,"Connect":{"SidecarService":{"Check":{"CheckID":"x","TTL":"1h"}}}})").text ==
        "CheckID \"x\" is taken by a check of service \"a\": give the check of service \"b-sidecar-proxy\" another CheckID, or deregister the other one first");
  CHECK(f.service(R"({"Name":"c","Port":1,"Check":{"CheckID":"y","TTL":"1h"},"Connect":{"SidecarService":{"Check":{"CheckID":"y","TTL":"1h"}}}})").text ==
        "CheckID \"y\" is taken by a check of service \"c\": give the check of service \"c-sidecar-proxy\" another CheckID, or deregister the other one first");
  CHECK_FALSE(f.state.services().contains("c"));
  CHECK(f.check(R"({"ID":"x","Name":"x","TTL":"1h"})").text ==
        "CheckID \"x\" is taken by a check of service \"a\": give the check of the node another CheckID, or deregister the other one first");
  CHECK(f.check(R"({"Name":"n","ServiceID":"a","TTL":"1h"})").text ==
        "CheckID \"n\" is taken by a check of the node: give the check of service \"a\" another CheckID, or deregister the other one first");
  CHECK(f.state.replace_file_services({f.definition(R"({"Name":"b","Check":{"CheckID":"x","TTL":"1h"}})")}, f.now).text == "Failed to register service \"b\": " + text);
  CHECK(f.state.drain().empty());
  CHECK(f.at("x").service_id == "a");
  // Ids that are made of a service's may meet as well.
  REQUIRE(f.service(R"({"Name":"d","Checks":[{"TTL":"1h"},{"TTL":"1h"}]})").code == errc::none);
  CHECK(f.service(R"({"Name":"d:1","Check":{"TTL":"1h"}})").code == errc::bad_request);
  CHECK(f.service(R"({"Name":"a","Check":{"CheckID":"x","TTL":"2h"}})").code == errc::none);
  CHECK(f.state.remove_service("a").code == errc::none);
  CHECK(f.service(R"({"Name":"b","Check":{"CheckID":"x","TTL":"1h"}})").code == errc::none);
}

TEST_CASE("a file may not take the id of a check that was kept for another service") {
  fixture f;
  REQUIRE(f.state.replace_file_services({f.definition(R"({"Name":"b","Check":{"CheckID":"z","TTL":"1h"}})"), f.definition(R"({"Name":"c"})")}, f.now).code == errc::none);
  health_check kept;
  kept.check_id = "z";
  auto restore = [&](const std::string& service) {
    kept.service_id = service;
    boxed<check_registration> how;
    how.emplace().ttl = 1h;
    return f.state.restore_check(kept, how, "", source::api, f.now);
  };
  CHECK_FALSE(restore("gone"));
  CHECK_FALSE(restore("b"));
  CHECK(f.state.restore_refused().code == errc::none);
  CHECK(restore("c"));
  CHECK(f.at("z").service_id == "b");
  CHECK(f.state.restore_refused().text == "Failed to register check 'Service 'b' check': CheckID \"z\" is taken by a check of service \"c\": "
                                          "give the check of service \"b\" another CheckID, or deregister the other one first");
}

TEST_CASE("a reload may give a check to another service, in any order, with what is known of it") {
  for (const bool first : {false, true}) {
    CAPTURE(first);
    fixture f;
    const auto a = f.definition(R"({"Name":"a","Check":{"CheckID":"x","TTL":"1h"}})"), bare_a = f.definition(R"({"Name":"a"})");
    const auto b = f.definition(R"({"Name":"b"})"), b_has = f.definition(R"({"Name":"b","Check":{"CheckID":"x","TTL":"1h"}})");
    REQUIRE(f.state.replace_file_services({a, b}, f.now).code == errc::none);
    REQUIRE(f.state.ttl_update("x", "warning", "hm", f.now, 1).code == errc::none);
    const std::vector<service_definition> after = first ? std::vector{b_has, bare_a} : std::vector{bare_a, b_has};
    f.state.release_file_checks(after, {});
    CHECK(f.state.replace_file_services(after, f.now).code == errc::none);
    CHECK(f.state.replace_file_checks({}, f.now).code == errc::none);
    CHECK(f.at("x").service_id == "b");
    CHECK(f.at("x").status == "warning");
    // …and to the node, and back to a service.
    const auto of_node = f.check_definition(R"({"ID":"x","Name":"x","TTL":"1h"})");
    f.state.release_file_checks({bare_a, b}, {of_node});
    CHECK(f.state.replace_file_services({bare_a, b}, f.now).code == errc::none);
    CHECK(f.state.replace_file_checks({of_node}, f.now).code == errc::none);
    CHECK(f.at("x").service_id.empty());
    CHECK(f.at("x").output == "hm");
    f.state.release_file_checks({a, b}, {});
    CHECK(f.state.replace_file_services({a, b}, f.now).code == errc::none);
    CHECK(f.at("x").service_id == "a");
  }
}

TEST_CASE("a TTL check of a file keeps the state that is on the disk when it is read again") {
  fixture f;
  const auto c = f.check_definition(R"({"Name":"c","TTL":"1h"})");
  REQUIRE(f.state.replace_file_checks({c}, f.now).code == errc::none);
  REQUIRE(f.state.ttl_update("c", "passing", "ok", f.now, 1).code == errc::none);
  (void)f.state.drain();
  REQUIRE(f.state.replace_file_checks({c}, f.now).code == errc::none);
  for (auto& e : f.state.drain()) CHECK(e.kind != effect_kind::forget_check);
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

TEST_CASE("thousands of aliases that look at many checks do so in portions, and all of them come to see what is") {
  fixture f;
  std::string checks, aliases;
  for (int i = 0; i < 300; ++i) {
    checks += std::string(i ? "," : "") + R"({"TTL":"1h","Status":"passing","CheckID":"t)" + std::to_string(i) + "\"}";
    aliases += std::string(i ? "," : "") + R"({"AliasService":"t","CheckID":"a)" + std::to_string(i) + "\"}";
  }
  REQUIRE(f.service(R"({"Name":"t","Checks":[)" + checks + "]}").code == errc::none);
  REQUIRE(f.service(R"({"Name":"al","Checks":[)" + aliases + "]}").code == errc::none);
  const auto in_status = [&](std::string_view status) {
    size_t n = 0;
    for (int i = 0; i < 300; ++i) n += f.at("a" + std::to_string(i)).status == status;
    return n;
  };
  const auto settle = [&] {
    size_t turns = 0;
    for (; f.state.next_deadline() <= f.now && turns < 1000; ++turns) f.state.tick(f.now);
    return turns;
  };
  CHECK(in_status("passing") < 300);
  CHECK(settle() > 1);
  CHECK(in_status("passing") == 300);
  REQUIRE(f.state.ttl_update("t299", "warning", "", f.now, 0).code == errc::none);
  CHECK(in_status("warning") < 300);
  CHECK(in_status("warning") > 0);
  (void)settle();
  CHECK(in_status("warning") == 300);
  CHECK(f.state.next_deadline() > f.now);
}

TEST_CASE("aliases of other nodes are known without a look at every check, through each way to come and to go") {
  fixture f;
  for (int n = 0; n < 20000; ++n) REQUIRE(f.check(R"({"ID":"t)" + std::to_string(n) + R"(","Name":"t","TTL":"1h"})").code == errc::none);
  // Asked once for every registration. Were all checks looked at, this loop would be a billion steps and more.
  size_t found = 0;
  for (int n = 0; n < 100000; ++n) found += f.state.remote_aliases().size() + f.state.has_remote_aliases();
  CHECK(found == 0);
  REQUIRE(f.check(R"({"ID":"a","Name":"a","AliasNode":"n2","AliasService":"web"})").code == errc::none);
  REQUIRE(f.check(R"({"ID":"b","Name":"b","AliasNode":"n3"})").code == errc::none);
  REQUIRE(f.state.remote_aliases().size() == 2);
  CHECK(f.state.remote_aliases()[0].node == "n2");
  CHECK(f.state.remote_aliases()[0].service == "web");
  REQUIRE(f.check(R"({"ID":"a","Name":"a","TTL":"1h"})").code == errc::none); // becomes another kind of check
  REQUIRE(f.state.remote_aliases().size() == 1);
  CHECK(f.state.remote_aliases()[0].check_id == "b");
  CHECK(f.state.remove_check("b").code == errc::none);
  CHECK(!f.state.has_remote_aliases());
}

TEST_CASE("aliases in a ring come to rest") {
  fixture f;
  CHECK(f.service(R"({"Name":"a","Check":{"CheckID":"ca","AliasService":"b"}})").code == errc::none);
  CHECK(f.service(R"({"Name":"b","Check":{"CheckID":"cb","AliasService":"a"}})").code == errc::none);
  CHECK(f.state.checks().size() == 2);
}

TEST_CASE("a service whose check is critical for too long is deregistered, at the earliest after the minimum") {
  fixture f;
  CHECK(f.service(R"({"Name":"web","Check":{"CheckID":"c","TTL":"1h","DeregisterCriticalServiceAfter":"1s"}})").code == errc::none);
  f.state.tick(f.now);
  CHECK(f.state.ttl_update("c", "critical", "", f.now, 1).code == errc::none);
  f.state.tick(f.now + 59s);
  CHECK(f.state.services().contains("web"));
  f.state.tick(f.now + 95s);
  CHECK_FALSE(f.state.services().contains("web"));
  CHECK(f.state.removed_services.contains("web"));
}

// Before, who registered once when it came back was gone as soon as the old time was over.
TEST_CASE("a registration stops the time of a critical check until the next result says so again") {
  fixture f;
  const auto web = R"({"Name":"web","Check":{"CheckID":"c","TTL":"10m","DeregisterCriticalServiceAfter":"1m"}})";
  CHECK(f.service(web).code == errc::none);
  f.state.tick(f.now);
  f.state.tick(f.now + 200s); // nothing was heard yet, which is not a failure
  CHECK(f.state.services().contains("web"));
  CHECK(f.state.ttl_update("c", "critical", "", f.now + 210s, 1).code == errc::none);
  f.now += 260s;
  CHECK(f.service(web).code == errc::none);
  f.state.tick(f.now + 100s);
  f.state.tick(f.now + 599s);
  CHECK(f.state.services().contains("web"));
  CHECK(f.state.checks().at("c").record->status == "critical"); // all the time
  f.state.tick(f.now + 600s);
  f.state.tick(f.now + 655s);
  CHECK(f.state.services().contains("web"));
  SUBCASE("the same result as before counts") {}
  SUBCASE("and what fails all the time, from the first time on") { CHECK(f.state.ttl_update("c", "critical", "", f.now + 650s, 1).code == errc::none); }
  f.state.tick(f.now + 700s);
  CHECK_FALSE(f.state.services().contains("web"));
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

TEST_CASE("what was registered and cannot be read goes when it is deregistered, and nothing else does") {
  fixture f;
  f.state.may_be_lost = [](bool is_check, const std::string& id) { return id == (is_check ? "beat" : "web") || id == node_maintenance_id; };
  REQUIRE(f.service(R"({"Name":"db","Port":1,"Connect":{"SidecarService":{}}})").code == errc::none);
  f.state.drain(), f.state.untold.clear();
  auto told = [&](bool is_check, const std::string& id) {
    const auto untold = std::exchange(f.state.untold, {});
    return untold.size() == 1 && untold[0].is_check == is_check && untold[0].id == id;
  };
  SUBCASE("a service") {
    CHECK(f.state.remove_service("web").code == errc::none);
    CHECK(f.state.removed_services.contains("web"));
    CHECK(told(false, "web"));
    CHECK(f.has_effect(effect_kind::forget_service, "web"));
    CHECK(f.state.remove_service("other").code == errc::none);
    CHECK(f.state.removed_services.size() == 1);
    CHECK_FALSE(f.has_effect(effect_kind::forget_service, "other"));
  }
  SUBCASE("a service whose sidecar is there") {
    REQUIRE(f.state.restore_service([] { node_service s; s.id = s.service = "web-sidecar-proxy"; s.locally_registered_as_sidecar = true; return s; }(), "", false));
    CHECK(f.state.remove_service("web").code == errc::none);
    CHECK(f.state.removed_services == std::set<std::string, std::less<>>{"web", "web-sidecar-proxy"});
  }
  SUBCASE("a check") {
    CHECK(f.state.remove_check("beat").code == errc::none);
    CHECK(f.state.removed_checks.contains("beat"));
    CHECK(told(true, "beat"));
    CHECK(f.has_effect(effect_kind::forget_check, "beat"));
    CHECK(f.state.remove_check("other").code == errc::none);
    CHECK(f.state.removed_checks.size() == 1);
  }
  SUBCASE("maintenance") {
    const std::string id(node_maintenance_id);
    CHECK(f.state.set_node_maintenance(false, "").code == errc::none);
    CHECK(f.state.removed_checks.contains(id));
    CHECK(told(true, id));
    CHECK(f.has_effect(effect_kind::forget_check, id));
    CHECK(f.state.set_service_maintenance("db", false, "").code == errc::none);
    CHECK(f.state.removed_checks.size() == 1);
  }
}
