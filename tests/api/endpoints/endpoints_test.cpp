// What endpoints mean, on a state in memory. This program links no CAF and no database.
#include "api/endpoints/carry_out.hpp"
#include "api/endpoints/selection.hpp"
#include "api/endpoints/table.hpp"
#include "memory_view.hpp"
#include <doctest/doctest.h>
#include <set>

using namespace actord;
namespace ep = actord::endpoints;

namespace {

// Two nodes, of which "near" is near to "here"; a service "web" on both.
memory_state some_state() {
  memory_state s;
  const auto node = [&](std::string name, std::string rack) {
    node_record n;
    n.node = std::move(name);
    n.address = "10.0.0." + std::to_string(s.nodes.size() + 1);
    n.meta = {{"rack", std::move(rack)}};
    s.nodes.push_back(n);
  };
  node("far", "a"), node("near", "b"), node("here", "b");
  for (const std::string name : {"far", "near"}) {
    node_service web;
    web.id = "web-" + name;
    web.service = "web";
    web.tags = {"http", name};
    web.address = "10.1.0." + std::to_string(s.services.size() + 1);
    s.services.emplace_back(name, web);
    health_check c;
    c.node = name;
    c.check_id = "up-" + name;
    c.status = name == "far" ? health_critical : health_passing;
    c.service_id = web.id;
    c.service_name = "web";
    s.checks.push_back(c);
  }
  for (const char* key : {"k/1", "k/2/x", "k/2/y"}) {
    kv_entry e;
    e.key = key;
    e.value = "v";
    s.entries.push_back(e);
  }
  session_record held;
  held.id = "11111111-1111-1111-1111-111111111111";
  held.node = "near";
  s.sessions.push_back(held);
  prepared_query asked;
  asked.id = "22222222-2222-2222-2222-222222222222";
  asked.name = "near-web";
  asked.service.service = "web";
  s.queries.push_back(asked);
  for (const auto& [name, at] : std::map<std::string, double>{{"far", 0.5}, {"near", 0.01}, {"here", 0.0}}) {
    coordinate_record c;
    c.node = name;
    c.coord.vec = {at, 0, 0, 0, 0, 0, 0, 0};
    c.coord.error = 0.1;
    c.coord.height = 1e-5;
    s.coordinates.push_back(c);
  }
  s.autopilot.emplace();
  return s;
}

template <class Row> struct listed final : ep::rows<Row> {
  std::vector<Row> all;
  size_t most = SIZE_MAX;
  bool add(const Row& r) override {
    all.push_back(r);
    return all.size() < most;
  }
};

struct nobody final : ep::authorizer {
  mutable size_t asked = 0;
  bool allows(ep::access, ep::resource, std::string_view) const override { return ++asked, false; }
};

template <class Args> Args some_arguments() {
  Args a;
  if constexpr (requires { a.node; }) a.node = "near";
  if constexpr (requires { a.service; }) a.service = "web";
  if constexpr (requires { a.key; }) a.key = "k/1";
  if constexpr (requires { a.prefix; }) a.prefix = "k/";
  if constexpr (requires { a.state; }) a.state = "any";
  if constexpr (requires { a.session_id; }) a.session_id = "11111111-1111-1111-1111-111111111111";
  if constexpr (requires { a.query_id; }) a.query_id = "22222222-2222-2222-2222-222222222222";
  if constexpr (requires { a.query.service; }) a.query.service.service = "web";
  else if constexpr (requires { a.query; }) a.query = "near-web";
  if constexpr (requires { a.ops; }) {
    txn_op op;
    op.kv = txn_kv_op{std::string(kv_get), {}};
    op.kv->entry.key = "k/1";
    a.ops.push_back(op);
  }
  return a;
}

struct seen {
  status done;
  std::string text; // the answer, as far as it can be compared
  query_meta meta;
  std::vector<topic> topics;
};

template <const auto& E> seen call(memory_state& s, const ep::authorizer& who) {
  using endpoint = std::remove_cvref_t<decltype(E)>;
  seen out;
  out.meta.topics = &out.topics;
  auto view = s.open();
  ep::look at{view, out.meta, who};
  const auto args = some_arguments<typename endpoint::arguments>();
  if constexpr (endpoint::kind::is_rows) {
    listed<typename endpoint::kind::row> rows;
    ep::rows<typename endpoint::kind::row>& to = rows;
    out.done = ep::carry_out(E, args, at, to);
    out.text = std::to_string(rows.all.size());
  } else {
    typename endpoint::answer answer;
    out.done = ep::carry_out(E, args, at, answer);
    if constexpr (requires { answer.nodes; }) out.text = std::to_string(answer.nodes.size());
    else out.text = to_msgpack(answer);
  }
  return out;
}

bool is_empty_here(std::string_view name) {
  static const std::set<std::string_view> all{"Catalog.GatewayServices",    "Internal.GatewayServiceDump",        "FederationState.List", "Intention.List",
                                              "FederationState.ListMeshGateways"};
  return all.contains(name);
}

template <class Endpoint, class Args> auto rows_of(const Endpoint& e, const Args& args, memory_state& s, status* done = nullptr, size_t most = SIZE_MAX) {
  query_meta meta;
  auto view = s.open();
  ep::look at{view, meta, ep::everything_allowed()};
  listed<typename Endpoint::kind::row> rows;
  rows.most = most;
  ep::rows<typename Endpoint::kind::row>& to = rows;
  auto outcome = ep::carry_out(e, args, at, to);
  if (done) *done = outcome;
  else CHECK(outcome.ok());
  return rows.all;
}

} // namespace

TEST_CASE("every endpoint finds something for whom everything is allowed, and tells what it depends on") {
  auto s = some_state();
  ep::reads::each([&]<const auto& E>() {
    CAPTURE(E.name);
    const auto found = call<E>(s, ep::everything_allowed());
    CHECK(found.done.ok());
    if (is_empty_here(E.name)) return;
    CHECK(found.text != "0");
    if (!E.waits) return;
    CHECK(found.meta.index == s.index);
    CHECK(!found.topics.empty());
  });
}

TEST_CASE("every endpoint refuses, or shows nothing, to whom nothing is allowed, and asks for each") {
  auto s = some_state();
  memory_state empty;
  empty.autopilot.emplace();
  ep::reads::each([&]<const auto& E>() {
    CAPTURE(E.name);
    if (is_empty_here(E.name)) return;
    nobody who;
    const auto found = call<E>(s, who);
    CHECK(who.asked > 0);
    if (!found.done.ok()) {
      CHECK(found.done.err().code == errc::permission);
      return;
    }
    nobody again;
    CHECK(found.text == call<E>(empty, again).text);
  });
}

TEST_CASE("the index by which an answer is kept is that of the answer") {
  auto s = some_state();
  ep::reads::each([&]<const auto& E>() {
    if (!E.index) return;
    CAPTURE(E.name);
    auto view = s.open();
    CHECK(E.index(some_arguments<typename std::remove_cvref_t<decltype(E)>::arguments>(), view) == call<E>(s, ep::everything_allowed()).meta.index);
  });
}

TEST_CASE("tags, node metadata, the filter and nearness choose and order rows") {
  auto s = some_state();
  rpc::service_request q;
  q.service = "WEB";
  auto names = [&] {
    std::string out;
    for (auto& n : rows_of(ep::health::service_nodes, q, s)) out += n.node.node + " ";
    return out;
  };
  CHECK(names() == "far near ");
  q.source.node = "here";
  CHECK(names() == "near far ");
  q.source.node = "";
  q.tags = {"HTTP", "Far"};
  CHECK(names() == "far near "); // tags count only when they are said to
  q.tag_filter = true;
  CHECK(names() == "far ");
  q.tags = {};
  q.tag = "near";
  CHECK(names() == "near ");
  q.tag_filter = false;
  q.node_meta = {{"rack", "b"}};
  CHECK(names() == "near ");
  q.node_meta = {};
  q.options.filter = R"("http" in Service.Tags and Node.Node == far)";
  CHECK(names() == "far ");
  q.options.filter = "Nope == 1";
  status done;
  CHECK(rows_of(ep::health::service_nodes, q, s, &done).empty());
  CHECK(!done.ok());
}

TEST_CASE("checks are chosen by the metadata of their nodes") {
  auto s = some_state();
  rpc::check_state_request q;
  q.state = "any";
  q.node_meta = {{"rack", "a"}};
  auto rows = rows_of(ep::health::checks_in_state, q, s);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].node == "far");
}

TEST_CASE("a node that is not there has no index, so that who waits for it waits on") {
  auto s = some_state();
  rpc::node_request q;
  q.node = "nowhere";
  query_meta meta;
  auto view = s.open();
  ep::look at{view, meta, ep::everything_allowed()};
  boxed<rpc::services_of_node> found;
  CHECK(ep::carry_out(ep::catalog::node_services, q, at, found).ok());
  CHECK_FALSE(found);
  CHECK(meta.index == 0);
}

TEST_CASE("keys fold at the separator, and a list ends when nobody wants more of it") {
  auto s = some_state();
  rpc::key_list_request q;
  q.prefix = "k/";
  q.separator = "/";
  CHECK(rows_of(ep::kv::list_keys, q, s) == std::vector<std::string>{"k/1", "k/2/"});
  rpc::key_request all;
  all.key = "k/";
  CHECK(rows_of(ep::kv::list, all, s).size() == 3);
  CHECK(rows_of(ep::kv::list, all, s, nullptr, 2).size() == 2);
}

TEST_CASE("what must be named and is not is refused in Consul's words") {
  auto s = some_state();
  status done;
  rows_of(ep::catalog::service_nodes, rpc::service_request{}, s, &done);
  CHECK(done.err().text == "Must provide service name");
  rpc::service_request tagged;
  tagged.service = "web";
  tagged.tag_filter = true;
  rows_of(ep::health::service_checks, tagged, s, &done);
  CHECK(done.err().text == "Tag filtering is not supported");
}

namespace {

std::string found_by(memory_state& s, rpc::query_execute_request q, const query_service& service) {
  s.queries.front().service = service;
  q.query = "near-web";
  q.datacenter = q.agent.datacenter = "dc1";
  query_meta meta;
  auto view = s.open();
  ep::look at{view, meta, ep::everything_allowed()};
  rpc::query_execute_reply reply;
  CHECK(ep::carry_out(ep::query::execute, q, at, reply).ok());
  CHECK(reply.datacenter == "dc1");
  std::string out;
  for (auto& n : reply.nodes) out += n.node.node + " ";
  return out;
}

} // namespace

TEST_CASE("a prepared query finds healthy instances with its tags and metadata, nearest first, and not more than it may") {
  auto s = some_state();
  query_service web;
  web.service = "web";
  CHECK(found_by(s, {}, web) == "near "); // "far" is critical
  web.ignore_check_i_ds = {"up-far"};
  rpc::query_execute_request q;
  q.source.node = "here";
  CHECK(found_by(s, q, web) == "near far ");
  q.limit = 1;
  CHECK(found_by(s, q, web) == "near ");
  q = {};
  web.near = "_agent";
  q.agent.node = "far";
  CHECK(found_by(s, q, web) == "far near ");
  web.near = "_ip";
  q.source.ip = s.nodes.front().address;
  CHECK(found_by(s, q, web).starts_with(s.nodes.front().node));
  web.near = "here";
  q.source = {};
  web.tags = {"HTTP", "!Far"};
  CHECK(found_by(s, q, web) == "near ");
  web.tags = {"!http"};
  CHECK(found_by(s, q, web) == "");
  web.tags = {};
  web.node_meta = {{"rack", "b"}};
  CHECK(found_by(s, q, web) == "near ");
  s.checks.front().status = s.checks.back().status = health_warning;
  web.node_meta = {};
  web.ignore_check_i_ds = {};
  CHECK(found_by(s, q, web) == "near far ");
  web.only_passing = true;
  CHECK(found_by(s, q, web) == "");
}

TEST_CASE("what no query is named says so") {
  auto s = some_state();
  query_meta meta;
  auto view = s.open();
  ep::look at{view, meta, ep::everything_allowed()};
  rpc::query_execute_reply reply;
  rpc::query_execute_request q;
  for (const char* name : {"", "nope"}) {
    q.query = name;
    const auto done = ep::carry_out(ep::query::execute, q, at, reply);
    REQUIRE(!done.ok());
    CHECK(done.err().text == "Query not found");
    CHECK(done.err().code == errc::not_found);
  }
}

TEST_CASE("tags are told apart in any case, however many there are") {
  const auto takes = [](string_slice wanted, string_slice tags, size_t more) {
    for (size_t i = 0; i < more; ++i) wanted.push_back("T" + std::to_string(i)), tags.push_back("t" + std::to_string(i));
    return ep::tag_choice(wanted).takes(tags);
  };
  for (const size_t more : {0, 3, 100}) { // the lists are looked through, or looked up in
    CAPTURE(more);
    CHECK(takes({}, {"a"}, more));
    CHECK(takes({"A"}, {"a"}, more));
    CHECK(takes({"A", "b", "a"}, {"B", "a", "A", "c"}, more));
    CHECK_FALSE(takes({"a", "d"}, {"b", "a"}, more));
    CHECK(takes({"!d"}, {"b", "a"}, more));
    CHECK_FALSE(takes({"!D"}, {"b", "d"}, more));
    CHECK_FALSE(takes({"a", "!a"}, {"a"}, more));
    CHECK(takes({""}, {""}, more));
    CHECK_FALSE(takes({""}, {"x"}, more));
  }
  rpc::service_request q;
  q.tags = {"!a"};
  CHECK(ep::tag_choice(q).takes_all()); // nobody asked for tags
  q.tag_filter = true;
  CHECK(ep::tag_choice(q).takes({"!A"}));
  CHECK_FALSE(ep::tag_choice(q).takes({"b"}));
  q.tags.clear();
  q.tag = "b";
  CHECK(ep::tag_choice(q).takes({"B"}));
}
