#include "actors/agent/core/anti_entropy.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <functional>

using namespace actord;
using namespace actord::agent;
using namespace std::chrono_literals;

namespace {

node_identity me() {
  node_identity i;
  i.id = "11111111-2222-3333-4444-555555555555";
  i.name = "n1";
  i.address = "10.0.0.1";
  i.datacenter = "dc1";
  i.meta["consul-network-segment"] = "";
  auto& s = i.server.emplace();
  s.id = s.service = "consul";
  s.port = 8300;
  return i;
}

// The catalog as simply as it can be: what the commands say, applied one by one.
struct dumb_catalog {
  catalog_picture picture;
  void apply(const catalog_command& c) {
    if (c.add) {
      const register_request& r = *c.add;
      if (!picture.node || !r.skip_node_update) {
        node_record n;
        n.id = r.id;
        n.node = r.node;
        n.address = r.address;
        n.tagged_addresses = r.tagged_addresses;
        n.meta = r.node_meta;
        picture.node = n;
      }
      if (r.service) put(picture.services, *r.service, [&](auto& x) { return x.id == r.service->id; });
      if (r.check) put(picture.checks, *r.check, [&](auto& x) { return x.check_id == r.check->check_id; });
      for (auto& k : r.checks) put(picture.checks, k, [&](auto& x) { return x.check_id == k.check_id; });
      return;
    }
    const deregister_request& r = *c.remove;
    if (!r.service_id.empty()) {
      std::erase_if(picture.services, [&](auto& x) { return x.id == r.service_id; });
      std::erase_if(picture.checks, [&](auto& x) { return x.service_id == r.service_id; });
    } else std::erase_if(picture.checks, [&](auto& x) { return x.check_id == r.check_id; });
  }
  template <class L, class X, class P> static void put(L& list, const X& x, P same) {
    auto it = std::find_if(list.begin(), list.end(), same);
    if (it == list.end()) list.push_back(x);
    else *it = x;
  }
};

struct world {
  local_state state;
  anti_entropy sync{me(), {}, prng(3)};
  dumb_catalog catalog;
  nanos now = 1h;
  world() : state([] { local_state_options o; o.node_name = "n1"; return o; }(), prng(5)) {}

  void service(const std::string& id, int port = 1, bool with_check = true) {
    service_definition d;
    d.id = d.name = id;
    d.port = port;
    if (with_check) {
      auto& c = d.check.emplace();
      c.ttl = 1h;
    }
    REQUIRE(state.add_service(d, source::api, "", false, now).code == errc::none);
  }
  // One batch goes out; `fail` of its commands are refused.
  size_t round(const std::function<bool()>& fails = [] { return false; }) {
    if (!sync.may_send(now)) return 0;
    if (sync.full_sync_due(now)) sync.compare(state, catalog.picture, now);
    if (!sync.has_work(state)) return 0;
    auto batch = sync.take_batch(state);
    for (auto& c : batch) {
      const bool bad = fails();
      if (!bad) catalog.apply(c);
      sync.finished(state, c.number, !bad, now);
    }
    return batch.size();
  }
  void check_equal() {
    REQUIRE(catalog.picture.node);
    CHECK(catalog.picture.services.size() == state.services().size() + 1);
    for (auto& s : catalog.picture.services) {
      if (s.id == "consul") continue;
      REQUIRE(state.services().contains(s.id));
      CHECK(s.port == state.services().at(s.id).record->port);
    }
    CHECK(catalog.picture.checks.size() == state.checks().size() + 1);
    for (auto& c : catalog.picture.checks) {
      if (c.check_id == "serfHealth") continue;
      REQUIRE(state.checks().contains(c.check_id));
      CHECK(c.status == state.checks().at(c.check_id).record->status);
    }
  }
};

} // namespace

TEST_CASE("a fresh server registers the consul service and serfHealth first, then what it says of its node") {
  world w;
  CHECK(w.round() == 2);
  CHECK(w.catalog.picture.services.at(0).id == "consul");
  CHECK(w.catalog.picture.checks.at(0).output == "Agent alive and reachable");
  CHECK(w.round() == 0);
}

TEST_CASE("a service travels with its checks in one command, many services in one batch") {
  world w;
  w.round();
  for (int i = 0; i < 1500; ++i) w.service("s" + std::to_string(i));
  CHECK(w.round() == 1500);
  CHECK(w.round() == 0);
  w.check_equal();
}

// The log takes no command of more than 8 MiB, and a refused one would be tried again for ever.
TEST_CASE("a service with very many checks goes out in several commands, what does not pass first") {
  world w;
  w.round();
  service_definition d;
  d.id = d.name = "many";
  for (int i = 0; i < 20'000; ++i) {
    auto& c = d.checks.emplace_back();
    c.ttl = 1h;
    c.notes = std::string(200, 'n');
    c.status = i == 19'990 ? health_critical : health_passing;
  }
  REQUIRE(w.state.add_service(d, source::api, "", false, w.now).code == errc::none);
  auto batch = w.sync.take_batch(w.state);
  REQUIRE(batch.size() > 10);
  const auto& first = *batch.front().add;
  CHECK(first.service->id == "many");
  CHECK(first.checks.size() < 5'000);
  CHECK(std::any_of(first.checks.begin(), first.checks.end(), [](auto& c) { return c.status == health_critical; }));
  for (auto& c : batch) {
    size_t bytes = 0;
    for (auto& k : c.add->checks) bytes += k.notes.size() + k.check_id.size() + k.name.size();
    CHECK(bytes < 2 << 20);
    w.catalog.apply(c);
    w.sync.finished(w.state, c.number, true, w.now);
  }
  CHECK(w.round() == 0);
  w.check_equal();
}

TEST_CASE("a batch that took long is followed by smaller ones, and those that take little by larger ones again") {
  world w;
  for (int i = 0; i < 9000; ++i) w.service("s" + std::to_string(i), 1, false);
  std::vector<size_t> sizes;
  const auto batch = [&](nanos takes) {
    auto commands = w.sync.take_batch(w.state);
    sizes.push_back(commands.size());
    for (auto& c : commands) {
      w.sync.batch_took(takes); // not whole yet: says nothing
      w.sync.finished(w.state, c.number, true, w.now);
    }
    w.sync.batch_took(takes);
  };
  for (auto takes : {300ms, 2000ms, 2000ms, 2000ms, 2000ms, 2000ms, 300ms, 50ms, 50ms, 50ms, 50ms, 50ms, 50ms}) batch(takes);
  CHECK(sizes == std::vector<size_t>{2048, 2048, 1024, 512, 256, 128, 128, 128, 256, 512, 1024, 938, 0});
}

TEST_CASE("what changes while its command is under way is sent again") {
  world w;
  w.round();
  w.service("a", 1);
  auto batch = w.sync.take_batch(w.state);
  REQUIRE(batch.size() == 1);
  w.service("a", 2);
  w.catalog.apply(batch[0]);
  w.sync.finished(w.state, batch[0].number, true, w.now);
  CHECK(w.round() == 1);
  w.check_equal();
}

TEST_CASE("what is removed and registered anew while its first command is under way is sent again") {
  world w;
  w.round();
  w.service("web", 1);
  auto batch = w.sync.take_batch(w.state);
  REQUIRE(w.state.remove_service("web").code == errc::none);
  w.service("web", 2);
  for (auto& c : batch) {
    w.catalog.apply(c);
    w.sync.finished(w.state, c.number, true, w.now);
  }
  w.round();
  w.check_equal();
}

TEST_CASE("what is removed and comes back while the removal is under way stays") {
  world w;
  w.service("a", 1);
  w.round();
  REQUIRE(w.state.remove_service("a").code == errc::none);
  auto batch = w.sync.take_batch(w.state);
  REQUIRE(batch.size() == 1);
  CHECK(batch[0].remove);
  w.service("a", 2);
  w.catalog.apply(batch[0]);
  w.sync.finished(w.state, batch[0].number, true, w.now);
  w.round();
  w.check_equal();
}

TEST_CASE("a refused command is tried again after a time that doubles, and not before") {
  world w;
  w.service("a");
  CHECK(w.round([] { return true; }) > 0);
  CHECK_FALSE(w.sync.may_send(w.now));
  const nanos first = w.sync.next_deadline(w.state) - w.now;
  w.now += first;
  CHECK(w.round([] { return true; }) > 0);
  CHECK(w.sync.next_deadline(w.state) - w.now == first * 2);
  w.now += first * 2;
  CHECK(w.round() > 0);
  w.check_equal();
}

TEST_CASE("a comparison removes what nobody here knows but keeps the node's own") {
  world w;
  w.round();
  node_service stranger;
  stranger.id = stranger.service = "stranger";
  w.catalog.picture.services.push_back(stranger);
  health_check c;
  c.node = "n1";
  c.check_id = "lost";
  w.catalog.picture.checks.push_back(c);
  w.now += 5min;
  w.round();
  w.check_equal();
}

TEST_CASE("a service that allows it takes over the catalog's tags") {
  world w;
  service_definition d;
  d.name = "a";
  d.tags = {"mine"};
  d.enable_tag_override = true;
  REQUIRE(w.state.add_service(d, source::api, "", false, w.now).code == errc::none);
  w.round();
  for (auto& s : w.catalog.picture.services)
    if (s.id == "a") s.tags = {"theirs"};
  w.now += 5min;
  CHECK(w.round() == 0);
  CHECK(w.state.services().at("a").record->tags == string_slice{"theirs"});
}

TEST_CASE("after any changes here, drift there and refused commands, both sides become equal") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    world w;
    prng random(seed);
    for (int step = 0; step < 60; ++step) {
      const std::string id = "s" + std::to_string(random.below(6));
      switch (random.below(9)) {
        case 0: case 1: w.service(id, static_cast<int>(random.below(3)), random.chance(0.6)); break;
        case 2: (void)w.state.remove_service(id); break;
        case 3: (void)w.state.ttl_update("service:" + id, random.chance(0.5) ? "passing" : "critical", "", w.now, 1); break;
        case 4: (void)w.state.remove_check("service:" + id); break;
        case 5: (void)w.state.set_service_maintenance(id, random.chance(0.5), ""); break;
        case 6:
          if (!w.catalog.picture.services.empty()) w.catalog.picture.services.erase(w.catalog.picture.services.begin() + static_cast<long>(random.below(w.catalog.picture.services.size())));
          break;
        case 7:
          if (!w.catalog.picture.checks.empty()) w.catalog.picture.checks.pop_back();
          break;
        default: w.now += 1min; break;
      }
      if (random.chance(0.6)) w.round([&] { return random.chance(0.3); });
    }
    for (int i = 0; i < 10; ++i) {
      w.now += 3min;
      w.round();
    }
    w.check_equal();
  }
}

TEST_CASE("what was never compared with the catalog is compared again, at once for who waits, and the rest of it is not told") {
  world w;
  w.service("web");
  w.sync.compare_failed(w.now);
  CHECK_FALSE(w.sync.knows_catalog());
  CHECK(w.sync.next_deadline(w.state) >= w.now + 15s);
  CHECK_FALSE(w.sync.may_send(w.now)); // somebody who registers all the time does not ask all the time
  CHECK(w.sync.may_send(w.now + 50ms));
  w.sync.compare(w.state, w.catalog.picture, w.now + 50ms);
  CHECK(w.sync.knows_catalog());
  CHECK(w.sync.next_deadline(w.state) <= w.now + 50ms);
  w.sync.compare_failed(w.now + 1min);
  CHECK(w.sync.may_send(w.now + 1min)); // what changes after that is known to have changed
}

TEST_CASE("intervals grow with the cluster as Consul's do") {
  CHECK(anti_entropy::scale_of(1) == 1);
  CHECK(anti_entropy::scale_of(128) == 1);
  CHECK(anti_entropy::scale_of(129) == 2);
  CHECK(anti_entropy::scale_of(256) == 2);
  CHECK(anti_entropy::scale_of(1024) == 4);
}
