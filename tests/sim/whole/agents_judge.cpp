// What must hold of client agents once all is mended: gossip, the catalog and the agents agree.
#include "storage/model/catalog.hpp"
#include "tests/sim/whole/world.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace actord::sim::whole {

namespace {
constexpr uint64_t meddling_takes = 30 * second; // at most, until it is in the catalog

std::string_view word_of(members::member_status s) {
  switch (s) {
  case members::member_status::alive: return "alive";
  case members::member_status::leaving: return "leaving";
  case members::member_status::left: return "left";
  case members::member_status::failed: return "failed";
  default: return "none";
  }
}
} // namespace

bool world::agents_rest(std::string& why) {
  for (auto& c : clients_) {
    if (c.how == fate::leaving) return why = c.name + " is leaving", false;
    if (c.how == fate::runs && !c.began) return why = c.name + " has not started", false;
  }
  if (!members_agree(why)) return false;
  for (auto& s : servers_)
    if (s.up && !catalog_fits(*s.up, why)) return why = s.hello.name + ": " + why, false;
  return true;
}

// Everybody sees everybody as they are.
bool world::members_agree(std::string& why) {
  for (uint32_t slot = 0; slot < ends(); ++slot) {
    const auto* pool = pool_of(slot);
    if (!pool) continue;
    const auto seen = pool->board->look();
    const auto& whose = slot < most_servers ? servers_[slot].hello.name : client_at(slot).name;
    const auto expect = [&](const std::string& name, bool up, const agent_site* c) {
      const auto* m = seen->find(name);
      const auto status = m ? m->status : members::member_status::none;
      using enum members::member_status;
      const bool fits = up ? status == alive : !m || (!c || c->how == fate::dead ? status == failed || (status == left && c->may_go) : status == left || (!c->calm_leave && status == failed));
      if (!fits) why = fmt::format("{} sees {} as {}", whose, name, word_of(status));
      return fits;
    };
    for (auto& s : servers_)
      if (s.started && !expect(s.hello.name, s.up != nullptr, nullptr)) return false;
    for (auto& c : clients_)
      if (!expect(c.name, c.up != nullptr, &c)) return false;
  }
  return true;
}

// Of every member what gossip says of it, of every agent what it has, and nothing else.
bool world::catalog_fits(node& n, std::string& why) {
  auto view = n.views->open();
  query_meta meta;
  const auto health = [&](const std::string& node) {
    for (auto& c : view.checks_of_node(node, meta))
      if (c.check_id == "serfHealth") return std::string(c.status);
    return std::string("none");
  };
  for (auto& s : servers_) {
    if (!s.started || !s.up) continue;
    if (const auto h = health(s.hello.name); h != health_passing) return why = fmt::format("the catalog says {} of {}, which is up", h, s.hello.name), false;
    const auto all = view.services_of_node(s.hello.name, meta);
    if (!all || all->services.size() != 1 || all->services[0].id != "consul") return why = fmt::format("the catalog lacks the service of {}", s.hello.name), false;
  }
  for (auto& c : clients_) {
    const bool there = view.node(c.name, meta).has_value();
    const auto h = there ? health(c.name) : "absent";
    const bool meddled = c.last_meddled != 0 && c.last_meddled + meddling_takes > c.gone_at;
    if (c.up) {
      if (h != health_passing) return why = fmt::format("the catalog says {} of {}, which is up", h, c.name), false;
      if (!catalog_fits(view, c, why)) return false;
    } else if (c.how == fate::dead) {
      // A server that starts after it has died does not know it, and takes it out when it leads, as Consul's; but for one that no leader
      // could ever give a serfHealth.
      const bool forgotten = std::any_of(servers_.begin(), servers_.end(), [&](auto& s) { return s.started && s.up_since > c.gone_at; });
      const bool excused = h == "absent" ? forgotten || !c.was_there : h == "none" && forgotten && !c.was_there;
      if (h != health_critical && !excused && !meddled) return why = fmt::format("the catalog says {} of {}, which is dead", h, c.name), false;
    } else if (there && !meddled && (c.calm_leave || h != health_critical)) {
      return why = fmt::format("the catalog says {} of {}, which has left", h, c.name), false;
    }
  }
  for (auto& node : view.nodes(meta)) {
    const auto is = [&](auto& all, auto name) { return std::any_of(all.begin(), all.end(), [&](auto& x) { return name(x) == node.node; }); };
    if (!is(servers_, [](auto& s) { return s.hello.name; }) && !is(clients_, [](auto& c) { return c.name; }) && !node.node.starts_with("holder-"))
      return why = "the catalog has a node that never was: " + node.node, false;
  }
  return true;
}

bool world::catalog_fits(read_view& view, const agent_site& c, std::string& why) {
  query_meta meta;
  const auto row = view.node(c.name, meta);
  if (!row || row->id != c.id || row->address != c.ip) return why = fmt::format("the catalog does not know who {} is", c.name), false;
  std::map<std::string, int64_t> services, told_services;
  for (auto& s : c.up->board->services()) services[s->id] = s->port;
  if (auto all = view.services_of_node(c.name, meta))
    for (auto& s : all->services) told_services[s.id] = s.port;
  std::map<std::string, std::string> checks, told_checks;
  for (auto& k : c.up->board->checks()) checks[k->check_id] = k->status + " " + k->notes + " " + k->service_id;
  for (auto& k : view.checks_of_node(c.name, meta))
    if (k.check_id != "serfHealth") told_checks[k.check_id] = k.status + " " + k.notes + " " + k.service_id;
  const auto compare = [&](auto& has, auto& told, const char* what) {
    for (auto& [id, value] : told)
      if (!has.contains(id)) return why = fmt::format("the catalog has {} {} of {}, which that has not", what, id, c.name), false;
    for (auto& [id, value] : has)
      if (auto at = told.find(id); at == told.end() || at->second != value)
        return why = fmt::format("the catalog has {} {} of {} as \"{}\", which is \"{}\"", what, id, c.name, at == told.end() ? decltype(at->second){} : at->second, value), false;
    return true;
  };
  return compare(services, told_services, "service") && compare(checks, told_checks, "check");
}

} // namespace actord::sim::whole
