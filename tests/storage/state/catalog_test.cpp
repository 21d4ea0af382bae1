#include "fixture.hpp"
#include "storage/state/catalog_table.hpp"
#include "storage/state/store_impl.hpp"
#include <algorithm>

using namespace actord;
using namespace actord::test;

namespace {
uint64_t health_index(store_fixture& f, std::string_view service) {
  query_meta m;
  f.reading->open().service_instances(service, m);
  return m.index;
}
std::vector<check_service_node> instances(store_fixture& f, std::string_view service, bool connect = false) {
  query_meta m;
  return f.reading->open().service_instances(service, m, connect);
}
} // namespace

TEST_CASE_FIXTURE(store_fixture, "an unchanged registration keeps every ModifyIndex and publishes nothing") {
  put(with_service("n1", "w1", "web", {"a"})); // 10
  CHECK(touched(topic_kind::nodes));
  CHECK(touched(topic_kind::node, "n1"));
  CHECK(touched(topic_kind::services));
  CHECK(touched(topic_kind::service, "web"));
  put(with_service("N1", "W1", "web", {"a"})); // another spelling is a change
  CHECK_FALSE(changes.topics.empty());
  put(with_service("N1", "W1", "web", {"a"}));
  CHECK(changes.topics.empty());
  CHECK(instances(*this, "WEB").size() == 1);
  CHECK(instances(*this, "web")[0].service.modify_index == 11);
}

TEST_CASE_FIXTURE(store_fixture, "a service's index follows its checks, its node's checks and its node, and nothing else") {
  put(with_service("n1", "w1", "web"));                            // 10
  put(with_service("n2", "d1", "db"));                             // 11
  CHECK(health_index(*this, "web") == 10);
  auto r = node_only("n1");
  r.check = check_of("n1", "c");
  put(r);                                                          // 12: a node check
  CHECK(health_index(*this, "web") == 12);
  CHECK(touched(topic_kind::service, "web"));
  CHECK(touched(topic_kind::checks));
  CHECK_FALSE(touched(topic_kind::service, "db"));
  CHECK_FALSE(touched(topic_kind::services));
  put(node_only("n1", "10.9.9.9"));                                // 13: the node's address
  CHECK(health_index(*this, "web") == 13);
  CHECK(touched(topic_kind::service, "web"));
  CHECK_FALSE(touched(topic_kind::checks));
  drop("n1", "", "c");                                             // 14
  CHECK(health_index(*this, "web") == 14);
  CHECK(health_index(*this, "db") == 11);
  drop("n2", "d1");                                                // 15: the last instance of db
  CHECK(health_index(*this, "db") == 15);
  CHECK(health_index(*this, "never") == 15);
  CHECK(health_index(*this, "web") == 14);
  CHECK(touched(topic_kind::service, "db"));
  auto view = reading->open();
  CHECK(view.table_index("services") == 15);
  CHECK(view.table_index("checks") == 15);
  CHECK(view.table_index("nodes") == 13);
}

TEST_CASE_FIXTURE(store_fixture, "checks carry their service's name and tags and stand behind the node's checks") {
  auto r = with_service("n1", "w1", "web", {"a", "b"});
  r.checks = {check_of("n1", "z-node", "", "warning"), check_of("n1", "a-service", "w1", "")};
  put(r);
  auto found = instances(*this, "web");
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].checks.size() == 2);
  CHECK(found[0].checks[0].check_id == "z-node");
  CHECK(found[0].checks[1].service_name == "web");
  CHECK(found[0].checks[1].service_tags == string_slice{"a", "b"});
  CHECK(found[0].checks[1].status == "critical");
  query_meta m;
  auto view = reading->open();
  CHECK(view.checks_in_state("critical", m).size() == 1);
  CHECK(view.checks_in_state("any", m).size() == 2);
  CHECK(view.checks_of_service("Web", m).size() == 1);
  CHECK(view.checks_of_node("N1", m).size() == 2);
}

TEST_CASE_FIXTURE(store_fixture, "refused registrations use Consul's words and leave nothing behind") {
  auto r = node_only("e2");
  r.check = check_of("e2", "c", "zz");
  CHECK(put(r).failure.text == "failed inserting check: Missing service registration on node \"e2\"");
  CHECK(changes.topics.empty());
  query_meta m;
  CHECK(reading->open().nodes(m).empty());
  r = node_only("o");
  r.check = check_of("n", "c");
  CHECK(put(r).failure.text == "check node \"n\" does not match node \"o\"");
  std::string a = "11111111-2222-3333-4444-555555555556", b = "11111111-2222-3333-4444-555555555557";
  r = node_only("R1", "1.1.1.2", a);
  r.check = check_of("R1", "serfHealth");
  put(r);
  CHECK(put(node_only("r1", "1.1.1.9", b)).failure.text == "failed inserting node: Error while renaming Node ID: \"" + b +
        "\": Node name r1 is reserved by node " + a + " with name R1 (1.1.1.2)");
  r.check->status = "critical";
  put(r);
  CHECK(put(node_only("r1", "1.1.1.9", b)).failure.code == errc::none); // a dead node's name is free
}

TEST_CASE_FIXTURE(store_fixture, "a known node id under another name renames the node and drops its services") {
  std::string id = "11111111-2222-3333-4444-555555555556";
  auto r = with_service("old", "w1", "web");
  r.id = id;
  put(r);
  put(node_only("new", "10.0.0.1", id));
  CHECK(touched(topic_kind::node, "old"));
  CHECK(touched(topic_kind::node, "new"));
  CHECK(touched(topic_kind::service, "web"));
  CHECK(instances(*this, "web").empty());
  query_meta m;
  auto view = reading->open();
  auto nodes = view.nodes(m);
  REQUIRE(nodes.size() == 1);
  CHECK(nodes[0].node == "new");
  CHECK(nodes[0].create_index == 10);
  CHECK(view.services_of_node("11", m));
  CHECK(view.services_of_node("111", m));
  CHECK(view.services_of_node(id, m));
  CHECK_FALSE(view.services_of_node("1", m));
  CHECK_FALSE(view.services_of_node("11111111-2", m));
}

TEST_CASE_FIXTURE(store_fixture, "names and tags of services are listed as the union of the instances there are") {
  put(with_service("n1", "w1", "web", {"b", "a"}));
  put(with_service("n2", "w2", "web", {"b", "c"}));
  put(with_service("n2", "d", "db"));
  auto list = [&] {
    query_meta m;
    return reading->open().services(m);
  };
  using tags = std::vector<std::string>;
  CHECK(list() == std::map<std::string, tags>{{"db", {}}, {"web", {"a", "b", "c"}}});
  drop("n2", "w2");
  CHECK(list()["web"] == tags{"a", "b"});
  put(with_service("n1", "w1", "api", {"x"}));
  CHECK(touched(topic_kind::service, "web"));
  CHECK(touched(topic_kind::service, "api"));
  CHECK(list() == std::map<std::string, tags>{{"api", {"x"}}, {"db", {}}});
  query_meta m;
  CHECK(reading->open().services(m, [](const node_record& n) { return n.node == "n2"; }).size() == 1);
}

TEST_CASE_FIXTURE(store_fixture, "a proxy and a native instance are the mesh endpoints of their destination") {
  auto r = with_service("n1", "w1-proxy", "web-sidecar-proxy");
  r.service->kind = "connect-proxy";
  r.service->proxy.destination_service_name = "Web";
  put(r);
  CHECK(touched(topic_kind::connect_service, "web"));
  r = with_service("n2", "w2", "web");
  r.service->connect.native = true;
  put(r);
  CHECK(instances(*this, "web", true).size() == 2);
  CHECK(instances(*this, "web", false).size() == 1);
  drop("n1");
  CHECK(touched(topic_kind::connect_service, "web"));
  CHECK(instances(*this, "web", true).size() == 1);
}

TEST_CASE_FIXTURE(store_fixture, "addresses lead back to the node or the service that has them") {
  auto r = with_service("n1", "w1", "web");
  r.service->address = "10.1.1.1";
  put(r);
  CHECK(reading->open().node_by_address("10.0.0.1")->node == "n1");
  CHECK(reading->open().service_by_address("10.1.1.1")->service_name == "web");
  put(node_only("n1", "10.0.0.2"));
  CHECK_FALSE(reading->open().node_by_address("10.0.0.1"));
  drop("n1");
  CHECK_FALSE(reading->open().node_by_address("10.0.0.2"));
  CHECK_FALSE(reading->open().service_by_address("10.1.1.1"));
}

TEST_CASE_FIXTURE(store_fixture, "a transaction does everything or, listing all that failed, nothing") {
  kv(kv_set, "a", "1"); // 10
  txn_request r;
  auto kv_op = [](std::string_view verb, std::string key, uint64_t index = 0) {
    txn_op op;
    op.kv = txn_kv_op{std::string(verb), {}};
    op.kv->entry.key = std::move(key);
    op.kv->entry.value = "v";
    op.kv->entry.modify_index = index;
    return op;
  };
  txn_op node;
  node.node = txn_node_op{"set", {}};
  node.node->node.node = "n1";
  node.node->node.address = "1.2.3.4";
  r.ops = {node, kv_op(kv_set, "b"), kv_op(kv_get, "b"), kv_op(kv_check_index, "a", 3), kv_op(kv_get, "zz")};
  auto done = run(encode_command(command_kind::txn, r));
  CHECK_FALSE(done.value);
  REQUIRE(done.txn->errors.size() == 2);
  CHECK(done.txn->errors[0].op_index == 3);
  CHECK(done.txn->errors[0].what == "failed index check for key \"a\", current modify index 10 != 3");
  CHECK(done.txn->errors[1].what == "key \"zz\" doesn't exist");
  CHECK(changes.topics.empty());
  CHECK_FALSE(get("b"));
  r.ops = {node, kv_op(kv_set, "b"), kv_op(kv_get, "b"), kv_op(kv_delete, "a")};
  done = run(encode_command(command_kind::txn, r)); // 12
  CHECK(done.value);
  REQUIRE(done.txn->results.size() == 3);
  CHECK(done.txn->results[0].node->modify_index == 12);
  CHECK(done.txn->results[1].kv->value.empty());
  CHECK(done.txn->results[2].kv->value == "v");
  CHECK(get("b")->modify_index == 12);
  CHECK_FALSE(get("a"));
  CHECK(touched(topic_kind::kv_key, "a"));
  r.ops = {kv_op(kv_get, "b"), kv_op("frob", "b")};
  CHECK(is_read_only(r));
  CHECK(reading->open().read_txn(r).errors[0].what == "unknown KV verb \"frob\"");
}

TEST_CASE_FIXTURE(store_fixture, "a node without a name is refused in a transaction too, and the store goes on") {
  txn_request r;
  txn_op op;
  op.node = txn_node_op{"set", {}};
  r.ops = {op};
  CHECK(run(encode_command(command_kind::txn, r)).txn->errors[0].what == "Must provide node");
  CHECK(put(node_only("")).failure.text == "Must provide node");
  CHECK(put(node_only("n")).failure.code == errc::none);
}

TEST_CASE_FIXTURE(store_fixture, "of a node's many checks those come that decide whether its instances may be offered") {
  for (int i = 0; i < 20; ++i) put(with_service("n1", "w" + std::to_string(i), "web"));
  register_request r = node_only("n1");
  for (int i = 0; i < 60; ++i) r.checks.push_back(check_of("n1", "c" + std::to_string(i), "", i % 3 == 0 ? "passing" : i % 3 == 1 ? "warning" : "critical"));
  r.checks.push_back(check_of("n1", "_node_maintenance", "", "critical"));
  r.checks.push_back(check_of("n1", "own", "w7", "warning"));
  put(r);
  query_meta all_index, few_index;
  const auto all = reading->open().service_instances("web", all_index), few = reading->open().service_instances("web", few_index, false, which_checks::deciding);
  REQUIRE(all.size() == 20);
  REQUIRE(few.size() == 20);
  CHECK(all_index.index == few_index.index);
  for (size_t i = 0; i < 20; ++i) {
    const bool own = few[i].service.id == "w7";
    CHECK(all[i].checks.size() == (own ? 62U : 61U));
    REQUIRE(few[i].checks.size() == (own ? 4U : 3U));
    CHECK(std::count_if(few[i].checks.begin(), few[i].checks.end(), [](auto& c) { return c.status == "critical"; }) == 2); // one is the maintenance
    if (own) CHECK(few[i].checks.back().service_name == "web");
  }
}

TEST_CASE_FIXTURE(store_fixture, "checks of one entry touch what shows them once") {
  constexpr size_t services = 30, checks = 40;
  for (size_t i = 0; i < services; ++i) put(with_service("n1", "w" + std::to_string(i), "web" + std::to_string(i)));
  auto& db = *store->internals().db;
  auto txn = lmdb::transaction::write(*db.env);
  state::writing w{.txn = txn, .t = db.t};
  w.index = 1000;
  auto r = node_only("n1");
  auto touch = [&](const char* service_id) {
    w.topics.clear();
    r.checks.clear();
    for (size_t i = 0; i < checks; ++i) r.checks.push_back(check_of("n1", service_id + std::to_string(i), service_id));
    CHECK(state::ensure_registration(w, r).ok());
    return static_cast<size_t>(std::count_if(w.topics.begin(), w.topics.end(), [](auto& t) { return t.kind == topic_kind::service; }));
  };
  CHECK(touch("") == services);
  CHECK(touch("w3") == 1);
  w.index = 1001;
  for (auto& c : r.checks) c.status = "warning";
  w.topics.clear();
  CHECK(state::ensure_registration(w, r).ok());
  CHECK(std::count(w.topics.begin(), w.topics.end(), topic{topic_kind::service, "web3"}) == 1);
  CHECK(state::get_index(txn, db.t, "service.web3") == 1001);
  CHECK(state::get_index(txn, db.t, "service.web4") == 1000);
}

// What one operation touched may be gone, or be another service, when the next one of the same entry comes.
TEST_CASE_FIXTURE(store_fixture, "what a transaction touches again after a service has changed is touched") {
  put(with_service("n1", "a", "web"));
  auto r = node_only("n1");
  r.checks = {check_of("n1", "c", "a"), check_of("n1", "d", "a")};
  put(r);
  txn_request t;
  auto check = [&](std::string id, std::string output) {
    auto& op = t.ops.emplace_back().check.emplace();
    op.verb = "set";
    op.check = check_of("n1", std::move(id), "a");
    op.check.output = std::move(output);
  };
  auto& set = (check("c", "x"), t.ops.emplace_back().service.emplace());
  set.verb = "set";
  set.node = "n1";
  set.service.id = "a";
  set.service.service = "api";
  check("d", "x");
  const auto done = run(encode_command(command_kind::txn, t));
  CHECK(done.txn->errors.empty());
  CHECK(touched(topic_kind::service, "web"));
  CHECK(touched(topic_kind::service, "api"));
  CHECK(health_index(*this, "api") == done.index);
  CHECK(health_index(*this, "web") == done.index); // gone with its last instance
}
