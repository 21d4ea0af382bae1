#include "api/watch/plan.hpp"
#include "api/cli/json_read.hpp"
#include "storage/model/user_event.hpp"
#include <span>

namespace actord::watch {

using namespace cli;
namespace {

// ---- answers ------------------------------------------------------------------------------------------------

void write_any(json_writer& w, const json_node& n) {
  if (n.IsObject()) {
    w.begin_object();
    for (auto& m : n.GetObject()) {
      w.key(text(m.name));
      write_any(w, m.value);
    }
    w.end_object();
  } else if (n.IsArray()) {
    w.begin_array();
    for (auto& e : n.GetArray()) write_any(w, e);
    w.end_array();
  } else if (n.IsString()) w.string({n.GetString(), n.GetStringLength()});
  else if (n.IsBool()) w.boolean(n.GetBool());
  else if (n.IsUint64()) w.number(n.GetUint64());
  else if (n.IsInt64()) w.number(n.GetInt64());
  else if (n.IsDouble()) w.number(n.GetDouble());
  else w.null();
}

// One field of a record of Consul's client: what stands there when the answer has none ("" leaves it out).
struct shown_field {
  const char* name;
  std::string_view absent = {};
};
using shape = std::span<const shown_field>;

constexpr shown_field pair_shape[] = {{"Key", "\"\""},  {"CreateIndex", "0"}, {"ModifyIndex", "0"}, {"LockIndex", "0"},
                                      {"Flags", "0"}, {"Value", "null"},    {"Session", "\"\""}};
constexpr shown_field service_shape[] = {
    {"Kind"}, {"ID", "\"\""}, {"Service", "\"\""}, {"Tags", "null"}, {"Meta", "null"}, {"Port", "0"}, {"Address", "\"\""},
    {"TaggedAddresses"}, {"Weights"}, {"EnableTagOverride", "false"}, {"CreateIndex"}, {"ModifyIndex"}, {"ContentHash"},
    {"Proxy"}, {"Connect"}, {"Namespace"}};
constexpr shown_field event_shape[] = {{"ID", "\"\""}, {"Name", "\"\""}, {"Payload", "null"}, {"NodeFilter", "\"\""}, {"ServiceFilter", "\"\""},
                                       {"TagFilter", "\"\""}, {"Version", "0"}, {"LTime", "0"}};
constexpr shown_field definition_shape[] = {{"Interval", "\"0s\""}, {"Timeout", "\"0s\""}, {"DeregisterCriticalServiceAfter", "\"0s\""},
                                            {"HTTP", "\"\""}, {"Header", "null"}, {"Method", "\"\""}, {"Body", "\"\""},
                                            {"TLSSkipVerify", "false"}, {"TCP", "\"\""}};
constexpr shown_field check_shape[] = {{"Node", "\"\""}, {"CheckID", "\"\""}, {"Name", "\"\""}, {"Status", "\"\""}, {"Notes", "\"\""},
                                       {"Output", "\"\""}, {"ServiceID", "\"\""}, {"ServiceName", "\"\""}, {"ServiceTags", "null"},
                                       {"Type", "\"\""}, {"Definition"}, {"CreateIndex", "0"}, {"ModifyIndex", "0"}};

void write_shaped(json_writer& w, const json_node& n, shape fields) {
  if (!n.IsObject()) return w.null();
  w.begin_object();
  for (auto& f : fields) {
    const auto* m = member(n, f.name);
    if (!m && f.absent.empty()) continue;
    w.plain_key(f.name);
    if (!m) w.raw(f.absent);
    else if (std::string_view(f.name) == "Definition") write_shaped(w, *m, definition_shape);
    else write_any(w, *m);
  }
  w.end_object();
}

void write_list(json_writer& w, const json_node& n, shape fields) {
  if (!n.IsArray()) return w.null();
  w.begin_array();
  for (auto& e : n.GetArray()) write_shaped(w, e, fields);
  w.end_array();
}

void write_instances(json_writer& w, const json_node& n) {
  if (!n.IsArray()) return w.null();
  w.begin_array();
  for (auto& e : n.GetArray()) {
    w.begin_object();
    w.plain_key("Node");
    const auto* node = member(e, "Node");
    node ? write_any(w, *node) : w.null();
    w.plain_key("Service");
    const auto* service = member(e, "Service");
    service ? write_shaped(w, *service, service_shape) : w.null();
    w.plain_key("Checks");
    const auto* checks = member(e, "Checks");
    checks ? write_list(w, *checks, check_shape) : w.null();
    w.end_object();
  }
  w.end_array();
}

// Of a list of events those after the one that the last view ended with: all, when it is there no more.
void write_events_after(json_writer& w, const json_node& n, uint64_t seen) {
  if (!n.IsArray()) return w.null();
  rapidjson::SizeType from = 0;
  for (rapidjson::SizeType i = 0; i < n.Size(); ++i)
    if (seen != 0 && event_index(text(n[i], "ID")) == seen) from = i + 1;
  w.begin_array();
  for (auto i = from; i < n.Size(); ++i) write_shaped(w, n[i], event_shape);
  w.end_array();
}

// ---- parameters ---------------------------------------------------------------------------------------------

error refuse(std::string why) { return {errc::bad_request, std::move(why)}; }

// The parameters that were given and that this type does not know.
std::string left_over(const request& w, std::initializer_list<std::string_view> known) {
  std::string out;
  auto given = [&](std::string_view name, bool is) {
    if (!is || std::ranges::find(known, name) != known.end()) return;
    out += (out.empty() ? "" : " ") + std::string(name);
  };
  given("key", !w.key.empty());
  given("name", !w.name.empty());
  given("passingonly", w.has_passing_only);
  given("prefix", !w.prefix.empty());
  given("service", !w.service.empty());
  given("service_id", !w.service_id.empty());
  given("state", !w.state.empty());
  given("tag", !w.tags.empty());
  return out;
}

} // namespace

result<api_request> plan(const request& w) {
  api_request r;
  std::string extra;
  if (w.type == "key") {
    if (w.key.empty()) return refuse("Must specify a single key to watch");
    extra = left_over(w, {"key"});
    r.path = "/v1/kv/" + w.key;
  } else if (w.type == "keyprefix") {
    if (w.prefix.empty()) return refuse("Must specify a single prefix to watch");
    extra = left_over(w, {"prefix"});
    r.path = "/v1/kv/" + w.prefix;
    r.query.emplace_back("recurse", "");
  } else if (w.type == "services" || w.type == "nodes") {
    extra = left_over(w, {});
    r.path = "/v1/catalog/" + w.type;
  } else if (w.type == "service") {
    if (w.service.empty()) return refuse("Must specify a single service to watch");
    extra = left_over(w, {"service", "tag", "passingonly"});
    r.path = "/v1/health/service/" + w.service;
    for (auto& t : w.tags) r.query.emplace_back("tag", t);
    if (w.passing_only) r.query.emplace_back("passing", "1");
  } else if (w.type == "checks") {
    if (!w.service.empty() && !w.state.empty()) return refuse("Cannot specify service and state");
    extra = left_over(w, {"service", "state"});
    r.path = w.service.empty() ? "/v1/health/state/" + (w.state.empty() ? "any" : w.state) : "/v1/health/checks/" + w.service;
  } else if (w.type == "event") {
    extra = left_over(w, {"name"});
    r.path = "/v1/event/list";
    if (!w.name.empty()) r.query.emplace_back("name", w.name);
  } else if (w.type == "agent_service") {
    if (w.service_id.empty()) return refuse("Must specify a single service id to watch");
    extra = left_over(w, {"service_id"});
    r.path = "/v1/agent/service/" + w.service_id;
  } else return refuse("Unsupported watch type: " + w.type);
  if (!extra.empty()) return refuse("Invalid parameters: [" + extra + "]");
  if (r.path.starts_with("/v1/kv//")) r.path.erase(7, 1);
  return r;
}

result<std::string> render(const std::string& type, std::string_view body, bool found, uint64_t seen) {
  if (!found) return std::string("null");
  auto doc = json_document::parse(body);
  if (!doc) return doc.err();
  auto& root = doc->root();
  std::string out;
  json_writer w(out);
  if (type == "key") root.IsArray() && !root.Empty() ? write_shaped(w, root[0], pair_shape) : w.null();
  else if (type == "keyprefix") write_list(w, root, pair_shape);
  else if (type == "service") write_instances(w, root);
  else if (type == "event") write_events_after(w, root, seen);
  else if (type == "checks") write_list(w, root, check_shape);
  else write_any(w, root);
  return out;
}

} // namespace actord::watch
