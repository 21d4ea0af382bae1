// Reads made while others wait: how much one reads is a matter of bytes as well as of records, and of what is read rather than shown.
#include "tests/storage/state/fixture.hpp"
#include "storage/model/session.hpp"
#include "storage/state/read_view_long.hpp"
#include <functional>

using namespace actord;
using namespace actord::test;

namespace {

string_slice tags_of(size_t bytes) {
  string_slice tags;
  tags.set = true;
  for (size_t n = 0; n < bytes; n += 100) tags.push_back(std::string(90, 't') + std::to_string(1000000 + n));
  return tags;
}

struct outcome {
  bool gave_up, failed;
  size_t loaded;
};

struct state_of_few : store_fixture {
  outcome read(const std::function<void(const read_view&, query_meta&)>& f, bool bounded = true) {
    bounded_read bound(bounded);
    auto view = reading->open();
    query_meta meta;
    f(view, meta);
    return {bound.gave_up(), view.failed(), bounded_read::loaded()};
  }
  // It stops, has decoded hardly more than it may, and what is missing does not look like damage. Where nobody waits it is all there.
  void stops(const std::string& what, const std::function<size_t(const read_view&, query_meta&)>& f, size_t all) {
    CAPTURE(what);
    size_t found = 0, whole = 0;
    const auto seen = read([&](auto& v, auto& m) { found = f(v, m); });
    CHECK(seen.gave_up);
    CHECK_FALSE(seen.failed);
    CHECK(found < all);
    const auto calm = read([&](auto& v, auto& m) { whole = f(v, m); }, false);
    CHECK_FALSE(calm.gave_up);
    CHECK_FALSE(calm.failed);
    CHECK(whole == all);
  }
  void goes_through(const std::function<void(const read_view&, query_meta&)>& f) {
    const auto seen = read(f);
    CHECK_FALSE(seen.gave_up);
    CHECK_FALSE(seen.failed);
  }
};

constexpr size_t fat = 100 << 10, few = 8;

size_t tags_in(const std::vector<check_service_node>& all) {
  size_t n = 0;
  for (auto& i : all) n += i.service.tags.size();
  return n;
}

} // namespace

TEST_CASE_FIXTURE(state_of_few, "a bounded read stops at few records that are much, however few of them are shown") {
  for (size_t i = 0; i < few; ++i) {
    const auto node = "n" + std::to_string(i);
    put(with_service(node, "thin", "thin", {"v1"}));
    auto r = with_service(node, "fat", "fat", tags_of(fat));
    r.node_meta["text"] = std::string(fat, 'm');
    r.check = check_of(node, "c", "fat");
    r.check->output = std::string(fat, 'o');
    put(r);
  }
  stops("instances", [](auto& v, auto& m) { return tags_in(v.service_instances("fat", m)); }, few * tags_of(fat).size());
  stops("instances, by another spelling", [](auto& v, auto& m) { return tags_in(v.service_instances("FAT", m, false, which_checks::none)); }, few * tags_of(fat).size());
  stops("nodes", [](auto& v, auto& m) { return v.nodes(m).size(); }, few);
  stops("checks of a service", [](auto& v, auto& m) { return v.checks_of_service("fat", m).size(); }, few);
  stops("checks in a state", [](auto& v, auto& m) { return v.checks_in_state("passing", m).size(); }, few);
  stops("all checks", [](auto& v, auto& m) { return v.checks_in_state(health_any, m).size(); }, few);
  CHECK(read([](auto& v, auto& m) { (void)v.services(m, [](auto&) { return true; }); }).gave_up);
  txn_request t;
  for (size_t i = 0; i < few; ++i) {
    auto& op = t.ops.emplace_back().service.emplace();
    op.verb = "get";
    op.node = "n" + std::to_string(i);
    op.service.id = "fat";
  }
  stops("a transaction", [&](auto& v, auto&) { return v.read_txn(t).results.size(); }, few);
  goes_through([](auto& v, auto& m) { CHECK(v.services_of_node("n1", m)->services.size() == 2); });
  goes_through([](auto& v, auto& m) { CHECK(v.checks_of_node("n1", m).size() == 1); });
}

TEST_CASE_FIXTURE(state_of_few, "a single record that is too much for a bounded read is not decoded") {
  auto r = with_service("n1", "fat", "fat", tags_of(1 << 20));
  r.check = check_of("n1", "c", "fat");
  put(r);
  const auto all = tags_of(1 << 20).size();
  stops("an instance", [](auto& v, auto& m) { return tags_in(v.service_instances("fat", m)); }, all);
  stops("a node's services", [](auto& v, auto& m) {
    const auto found = v.services_of_node("n1", m);
    return found && !found->services.empty() ? found->services[0].tags.size() : 0;
  }, all);
}

TEST_CASE_FIXTURE(state_of_few, "what each instance gets a copy of counts for each") {
  auto r = node_only("n1");
  r.check = check_of("n1", "of-node");
  r.check->output = std::string(fat, 'o');
  put(r);
  for (size_t i = 0; i < few; ++i) put(with_service("n1", "i" + std::to_string(i), "web"));
  stops("instances", [](auto& v, auto& m) { return v.service_instances("web", m).size(); }, few);
  goes_through([](auto& v, auto& m) { CHECK(v.service_instances("web", m, false, which_checks::none).size() == few); });
}

TEST_CASE_FIXTURE(state_of_few, "a bounded walk over keys stops at bytes that nobody takes, and inside of a transaction's tree") {
  for (size_t i = 0; i < few; ++i) kv(kv_set, "t/" + std::to_string(i), std::string(fat, 'v'));
  stops("a list", [](auto& v, auto& m) {
    size_t rows = 0;
    v.kv_list("t/", m, [&](auto&) { return ++rows, true; });
    return rows;
  }, few);
  txn_request t;
  auto& op = t.ops.emplace_back().kv.emplace();
  op.verb = kv_get_tree;
  op.entry.key = "t/";
  stops("a tree", [&](auto& v, auto&) { return v.read_txn(t).results.size(); }, few);
  goes_through([](auto& v, auto& m) { CHECK(v.kv_keys("t/", "", m).size() == few); }); // no values
  goes_through([](auto& v, auto& m) { kv_entry e; CHECK(v.kv_get("t/1", e, m)); });
}

TEST_CASE_FIXTURE(state_of_few, "a bounded read of more records than it may have reads none of those that an index names") {
  for (int i = 0; i < 520; ++i) put(with_service("n" + std::to_string(i), "web", "web"));
  const auto seen = read([](auto& v, auto& m) { CHECK(v.service_instances("web", m).empty()); });
  CHECK(seen.gave_up);
  CHECK(seen.loaded == 0);
  goes_through([](auto& v, auto&) { CHECK(v.service_by_address("") == std::nullopt); });
}
