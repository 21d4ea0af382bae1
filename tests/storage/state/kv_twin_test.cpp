// The KV table against a dumb twin, a std::map with the rules written out, on random operations. Keys are made to share
// long beginnings, because the store keeps those longer than LMDB's limit in a scheme of its own.
#include "fixture.hpp"
#include "runtime/base/prng.hpp"
#include <map>

using namespace actord;
using namespace actord::test;

namespace {

struct twin {
  std::map<std::string, kv_entry> entries;
  std::map<std::string, uint64_t> tombstones;
  uint64_t kvs = 0, graves = 0;

  void bury(const std::string& key, uint64_t at) {
    tombstones[key] = at;
    graves = at;
  }
  bool apply(std::string_view op, const std::string& key, const std::string& value, uint64_t cas, uint64_t at) {
    auto found = entries.find(key);
    bool there = found != entries.end();
    if (op == kv_cas && (there ? cas == 0 || cas != found->second.modify_index : cas != 0)) return false;
    if (op == kv_set || op == kv_cas) {
      if (there && found->second.value == value) return true;
      auto& e = entries[key];
      e.key = key;
      e.value = value;
      if (!there) e.create_index = at;
      e.modify_index = at;
      kvs = at;
    } else if (op == kv_delete || op == kv_delete_cas) {
      if (!there) return true;
      if (op == kv_delete_cas && found->second.modify_index != cas) return false;
      entries.erase(found);
      bury(key, at);
      kvs = at;
    } else {
      auto from = entries.lower_bound(key), to = from;
      while (to != entries.end() && to->first.starts_with(key)) ++to;
      if (from == to) return true;
      entries.erase(from, to);
      if (!key.empty()) bury(key, at);
      kvs = at;
    }
    return true;
  }
  uint64_t list_index(const std::string& prefix) const {
    uint64_t newest = 0;
    if (!prefix.empty()) {
      for (auto& [k, e] : entries)
        if (k.starts_with(prefix)) newest = std::max(newest, e.modify_index);
      for (auto& [k, at] : tombstones)
        if (k.starts_with(prefix)) newest = std::max(newest, at);
    }
    return newest != 0 ? newest : std::max(kvs, graves);
  }
};

std::string random_key(prng& r) {
  static const std::vector<size_t> lengths{1, 2, 3, 479, 480, 481, 482, 511, 512, 959, 960, 961, 1441, 3000};
  std::string key(lengths[r.below(lengths.size())], 'a');
  for (int n = 0; n < 2; ++n) key[r.below(key.size())] = static_cast<char>(r.below(3) == 0 ? 0 : 'a' + r.below(2));
  if (r.chance(0.3)) key.back() = '\xff';
  return key;
}

} // namespace

TEST_CASE_FIXTURE(store_fixture, "random operations leave the same keys, lists and indexes as a std::map with the rules written out") {
  prng r(20261121);
  twin t;
  std::vector<std::string> keys;
  for (int i = 0; i < 120; ++i) keys.push_back(random_key(r));
  const std::vector<std::string_view> ops{kv_set, kv_set, kv_set, kv_cas, kv_delete, kv_delete_cas, kv_delete_tree};
  for (int i = 0; i < 3000; ++i) {
    auto op = ops[r.below(ops.size())];
    auto key = keys[r.below(keys.size())];
    if (op == kv_delete_tree) key = r.chance(0.02) ? "" : key.substr(0, key.size() - r.below(std::min<size_t>(key.size(), 3)));
    if (op == kv_delete_tree && r.chance(0.8)) op = kv_set;
    if (key.empty() && op != kv_delete_tree) key = "k";
    auto value = r.chance(0.02) ? std::string(6000, 'v') : std::to_string(r.below(3));
    uint64_t cas = r.chance(0.5) && t.entries.count(key) ? t.entries[key].modify_index : r.below(3);
    CAPTURE(i);
    auto at = next;
    bool expected = t.apply(op, key, value, cas, at);
    CHECK(kv(op, key, value, 0, cas).value == expected);
    if (i % 10 != 0) continue;
    auto probe = keys[r.below(keys.size())];
    auto prefix = r.chance(0.1) ? std::string() : probe.substr(0, 1 + r.below(probe.size()));
    std::vector<kv_entry> want, got;
    for (auto& [k, e] : t.entries)
      if (k.starts_with(prefix)) want.push_back(e);
    query_meta m;
    reading->open().kv_list(prefix, m, [&](const kv_entry& e) {
      got.push_back(e);
      return true;
    });
    REQUIRE(got.size() == want.size());
    CHECK(got == want);
    CHECK(m.index == t.list_index(prefix));
    uint64_t index = 0;
    auto one = get(probe, &index);
    auto twin_one = t.entries.find(probe);
    REQUIRE(one.has_value() == (twin_one != t.entries.end()));
    CHECK(index == (one ? twin_one->second.modify_index : std::max(t.kvs, t.graves)));
  }
}
