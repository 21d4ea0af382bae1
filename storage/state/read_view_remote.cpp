#include "storage/state/read_view_remote.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/model/service_rows.hpp"
#include <algorithm>
#include <numeric>

namespace actord {

namespace {

constexpr size_t most_calls = 32; // of one request; what needs more fails

// What a reply's map has: the meta fields, and the one that `take` recognises and reads.
template <class Take> bool read_reply(std::string_view body, remote_meta& meta, Take&& take) {
  msgpack_reader r(body);
  if (r.peek() != msgpack_reader::kind::map) return false;
  for (auto n = r.map(); n > 0 && r.ok(); --n) {
    const auto name = r.raw();
    if (name == "Index") meta.index = r.uint();
    else if (name == "KnownLeader") meta.known_leader = r.boolean();
    else if (name == "LastContact") meta.last_contact = nanos(r.sint());
    else if (!take(name, r)) r.skip();
  }
  return r.ok();
}

struct services_on_node { // what Catalog.NodeServiceList says
  boxed<node_record> node;
  list_of<node_service> services;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Node", s.node);
    v("Services", s.services);
  }
};

} // namespace

bool parse_remote_meta(std::string_view body, remote_meta& out) {
  return read_reply(body, out, [](auto, auto&) { return false; });
}

// ---- calls -------------------------------------------------------------------------------------------------------

std::string remote_view::arguments(std::initializer_list<field> fields, bool decisive) const {
  const bool waits = decisive && o_.min_index > 0;
  std::string out;
  msgpack_writer w(out);
  w.map(fields.size() + 4 + (waits ? 2U : 0U) + (o_.node_meta.empty() ? 0U : 1U) + (o_.near.empty() ? 0U : 1U));
  w.raw("AllowStale"), w.boolean(o_.allow_stale);
  w.raw("Datacenter"), w.raw(o_.datacenter);
  for (auto& f : fields) {
    w.raw(f.name);
    if (auto* text = std::get_if<std::string_view>(&f.value)) w.raw(*text);
    else w.boolean(std::get<bool>(f.value));
  }
  if (waits) {
    w.raw("MaxQueryTime"), w.number(static_cast<int64_t>(o_.max_query_time.count()));
    w.raw("MinQueryIndex"), w.number(o_.min_index);
  }
  if (!o_.node_meta.empty()) {
    w.raw("NodeMetaFilters"), w.map(o_.node_meta.size());
    for (auto& [name, value] : o_.node_meta) w.raw(name), w.raw(value);
  }
  w.raw("RequireConsistent"), w.boolean(o_.require_consistent);
  if (!o_.near.empty()) {
    w.raw("Source"), w.map(2);
    w.raw("Datacenter"), w.raw(o_.datacenter);
    w.raw("Node"), w.raw(o_.near);
  }
  w.raw("Token"), w.raw(o_.token);
  return out;
}

// The answer, or null when there is none yet. The first call of a round is the one that decides about the index.
const std::string* remote_view::ask(std::string_view method, std::initializer_list<field> fields) {
  std::string key(method);
  for (auto& f : fields) {
    (key += '\0') += f.name;
    key += '\0';
    if (auto* text = std::get_if<std::string_view>(&f.value)) key += *text;
    else key += std::get<bool>(f.value) ? '1' : '0';
  }
  auto it = std::find_if(calls_.begin(), calls_.end(), [&](auto& c) { return c.key == key; });
  current_ = static_cast<size_t>(it - calls_.begin());
  if (it != calls_.end()) return it->has_answer ? &it->body : nullptr;
  if (calls_.size() >= most_calls) {
    fail("the answer needs more than " + std::to_string(most_calls) + " calls to servers");
    return nullptr;
  }
  held h;
  h.what.method = method;
  h.what.waits = calls_.empty() && o_.min_index > 0;
  h.what.arguments = arguments(fields, calls_.empty());
  h.key = std::move(key);
  calls_.push_back(std::move(h));
  return nullptr;
}

std::vector<std::pair<size_t, remote_view::call>> remote_view::take_needed() {
  std::vector<std::pair<size_t, call>> out;
  for (size_t i = 0; i < calls_.size(); ++i)
    if (!std::exchange(calls_[i].sent, true)) out.emplace_back(i, calls_[i].what);
  return out;
}

void remote_view::answered(size_t number, std::string body) {
  if (number >= calls_.size()) return;
  if (number == 0) {
    remote_meta m;
    if (parse_remote_meta(body, m)) decisive_ = m;
  }
  calls_[number].body = std::move(body);
  calls_[number].has_answer = true;
}

bool remote_view::complete() const {
  return std::all_of(calls_.begin(), calls_.end(), [](auto& c) { return c.has_answer; });
}

size_t remote_view::bytes() const {
  return std::accumulate(calls_.begin(), calls_.end(), size_t{0}, [](size_t sum, auto& c) { return sum + c.body.size(); });
}

void remote_view::fail(std::string text) {
  if (failure_.code == errc::none) failure_ = {errc::internal, std::move(text)};
}

// What does not decode was not answered: it must not look as if there were nothing.
void remote_view::malformed() { fail("rpc error making call: the answer to " + calls_[current_].what.method + " does not decode"); }

void remote_view::ask_leader() {
  o_.allow_stale = false;
  failure_ = {};
  calls_.clear();
  decisive_.reset();
}

template <class T>
list_of<T> remote_view::list(std::string_view method, std::initializer_list<field> fields, std::string_view name, query_meta& meta) {
  list_of<T> out;
  auto* body = ask(method, fields);
  if (!body) return out;
  remote_meta m;
  const bool whole = read_reply(*body, m, [&](std::string_view n, msgpack_reader& r) {
    if (n != name) return false;
    msgpack_decode(r, out);
    return true;
  });
  if (!whole) malformed();
  if (current_ == 0) meta.index = std::max(meta.index, m.index);
  return out;
}

// ---- key/value ---------------------------------------------------------------------------------------------------

bool remote_view::kv_get(std::string_view key, kv_entry& out, query_meta& meta) {
  auto found = list<kv_entry>("KVS.Get", {{"Key", key}}, "Entries", meta);
  if (found.empty()) return false;
  out = std::move(found.front());
  return true;
}

void remote_view::kv_list(std::string_view prefix, query_meta& meta, const std::function<bool(const kv_entry&)>& f) {
  for (auto& e : list<kv_entry>("KVS.List", {{"Key", prefix}}, "Entries", meta))
    if (!f(e)) return;
}

std::vector<std::string> remote_view::kv_keys(std::string_view prefix, std::string_view separator, query_meta& meta) {
  // The name is misspelt in the protocol.
  return list<std::string>("KVS.ListKeys", {{"Prefix", prefix}, {"Seperator", separator}}, "Keys", meta);
}

// ---- catalog -----------------------------------------------------------------------------------------------------

std::vector<node_record> remote_view::nodes(query_meta& meta) { return list<node_record>("Catalog.ListNodes", {}, "Nodes", meta); }

std::optional<node_record> remote_view::node(std::string_view name, query_meta& meta) {
  auto found = services_of_node(name, meta);
  if (!found) return {};
  return std::move(found->node);
}

std::optional<node_services> remote_view::services_of_node(std::string_view name_or_id, query_meta& meta) {
  auto* body = ask("Catalog.NodeServiceList", {{"Node", name_or_id}});
  if (!body) return {};
  remote_meta m;
  services_on_node found;
  const bool whole = read_reply(*body, m, [&](std::string_view n, msgpack_reader& r) {
    if (n != "NodeServices") return false;
    msgpack_decode(r, found);
    return true;
  });
  if (!whole) malformed();
  if (current_ == 0) meta.index = std::max(meta.index, m.index);
  if (!found.node) return {};
  return node_services{std::move(*found.node), std::move(found.services)};
}

// `only` is not needed: the servers filter by the options' node metadata, which is all that it knows.
std::map<std::string, std::vector<std::string>> remote_view::services(query_meta& meta, const std::function<bool(const node_record&)>&) {
  std::map<std::string, std::vector<std::string>> out;
  auto* body = ask("Catalog.ListServices", {});
  if (!body) return out;
  remote_meta m;
  map_of<string_slice> found;
  const bool whole = read_reply(*body, m, [&](std::string_view n, msgpack_reader& r) {
    if (n != "Services") return false;
    msgpack_decode(r, found);
    return true;
  });
  if (!whole) malformed();
  if (current_ == 0) meta.index = std::max(meta.index, m.index);
  for (auto& [name, tags] : found) {
    auto& to = out[name];
    to.assign(std::make_move_iterator(tags.begin()), std::make_move_iterator(tags.end()));
    std::sort(to.begin(), to.end());
  }
  return out;
}

std::vector<check_service_node> remote_view::service_instances(std::string_view service, query_meta& meta, bool connect, bool with_checks) {
  if (with_checks) return list<check_service_node>("Health.ServiceNodes", {{"Connect", connect}, {"ServiceName", service}}, "Nodes", meta);
  std::vector<check_service_node> out;
  for (auto& row : list<service_node>("Catalog.ServiceNodes", {{"Connect", connect}, {"ServiceName", service}}, "ServiceNodes", meta))
    out.push_back(unflattened(std::move(row)));
  return out;
}

bool remote_view::service_exists(std::string_view service) {
  query_meta meta;
  return !service_instances(service, meta, false, false).empty();
}

std::vector<health_check> remote_view::checks_of_node(std::string_view node, query_meta& meta) {
  return list<health_check>("Health.NodeChecks", {{"Node", node}}, "HealthChecks", meta);
}

std::vector<health_check> remote_view::checks_of_service(std::string_view service, query_meta& meta) {
  return list<health_check>("Health.ServiceChecks", {{"ServiceName", service}}, "HealthChecks", meta);
}

std::vector<health_check> remote_view::checks_in_state(std::string_view state, query_meta& meta) {
  return list<health_check>("Health.ChecksInState", {{"State", state}}, "HealthChecks", meta);
}

std::optional<node_record> remote_view::node_by_address(std::string_view address) {
  query_meta meta;
  for (auto& n : nodes(meta))
    if (n.address == address) return n;
  return {};
}

std::optional<service_node> remote_view::service_by_address(std::string_view address) {
  query_meta meta;
  auto found = list<service_node>("Catalog.ServiceNodes", {{"ServiceAddress", address}}, "ServiceNodes", meta);
  if (found.empty()) return {};
  return std::move(found.front());
}

// ---- sessions, coordinates -----------------------------------------------------------------------------------------

result<std::optional<session_record>> remote_view::session(std::string_view id, query_meta& meta) {
  auto found = list<session_record>("Session.Get", {{"Session", id}, {"SessionID", id}}, "Sessions", meta); // in both spellings
  return found.empty() ? std::optional<session_record>() : std::move(found.front());
}

std::vector<session_record> remote_view::sessions(std::string_view node, query_meta& meta) {
  if (node.empty()) return list<session_record>("Session.List", {}, "Sessions", meta);
  return list<session_record>("Session.NodeSessions", {{"Node", node}}, "Sessions", meta);
}

std::vector<coordinate_record> remote_view::coordinates(std::string_view node, query_meta& meta) {
  if (node.empty()) return list<coordinate_record>("Coordinate.ListNodes", {}, "Coordinates", meta);
  return list<coordinate_record>("Coordinate.Node", {{"Node", node}}, "Coordinates", meta);
}

std::optional<autopilot_config> remote_view::autopilot(query_meta&) {
  auto* body = ask("Operator.AutopilotGetConfiguration", {});
  autopilot_config c;
  if (!body) return {};
  if (!from_msgpack(*body, c)) return malformed(), std::nullopt;
  return c;
}

} // namespace actord
