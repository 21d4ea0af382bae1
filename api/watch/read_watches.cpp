// The `watches` of the configuration, checked in the order and with the words of Consul.
#include "api/watch/agent_watches.hpp"
#include <algorithm>
#include <set>

namespace actord::watch {
namespace {

error refuse(std::string why) { return {errc::bad_request, std::move(why)}; }

// A value as Go's %#v shows it; a list of one element right in a watch is shown without its list, as Consul's own reading
// leaves it.
std::string go_value(const config_value& v, int depth = 0) {
  using kind = config_value::kind;
  switch (v.type) {
  case kind::null: return "interface {}(nil)";
  case kind::boolean: return v.boolean ? "true" : "false";
  case kind::integer: return std::to_string(v.integer);
  case kind::real: return to_json(v);
  case kind::string: return to_json(v);
  case kind::list: {
    if (v.list.size() == 1 && depth == 1) return go_value(v.list[0], depth);
    std::string out = "[]interface {}{";
    for (size_t i = 0; i < v.list.size(); ++i) out += (i > 0 ? ", " : "") + go_value(v.list[i], depth + 1);
    return out + "}";
  }
  case kind::object: {
    std::map<std::string, std::string> sorted;
    for (auto& [k, m] : v.object) sorted[k] = go_value(m, depth + 1);
    std::string out = "map[string]interface {}{";
    for (auto& [k, text] : sorted) out += (out.ends_with('{') ? "\"" : ", \"") + k + "\":" + text;
    return out + "}";
  }
  }
  return {};
}

class reading {
public:
  explicit reading(const config_value& v) : value_(v) {}

  result<configured_watch> read(std::vector<std::string>* warnings) {
    configured_watch w;
    auto kind_of_handler = result<std::string>(std::string("script"));
    if (const auto* h = value_.find("handler_type")) {
      if (!h->is_string() || (h->string != "http" && h->string != "script"))
        return refuse("Handler type '" + (h->is_string() ? h->string : to_json(*h)) + "' not recognized");
      kind_of_handler = h->string;
    }
    const bool http = *kind_of_handler == "http";
    w.what.type = text("type");
    if (w.what.type.starts_with("connect_")) return refuse("Watch type " + w.what.type + " is not allowed in agent config");
    if (w.what.type.empty()) return fail("Watch type must be specified", {"type", "datacenter", "token"}, *kind_of_handler);
    gone_ = {"type", "datacenter", "token", "handler_type"};
    if (http) {
      auto read_http = http_of();
      if (!read_http) return fail(read_http.err().text, gone_);
      gone_.insert("http_handler_config");
      w.http = std::move(*read_http);
    }
    if (auto ok = parameters(w); !ok) return ok.err();
    if (auto ok = handlers(w, http, warnings); !ok) return ok.err();
    return w;
  }

private:
  std::string text(const char* name) const {
    const auto* v = value_.find(name);
    return v && v->is_string() ? v->string : std::string();
  }
  error fail(const std::string& why, const std::set<std::string>& gone, const std::string& handler_type = {}) const {
    auto rest = config_value::of_object();
    for (auto& [k, v] : value_.object)
      if (!gone.contains(k)) rest.object.emplace_back(k, v);
    if (!handler_type.empty() && !value_.find("handler_type")) rest.object.emplace_back("handler_type", config_value::of_string(handler_type));
    return refuse("Failed to parse watch (" + go_value(rest) + "): " + why);
  }
  // True or false, or their words; false when it is neither.
  static bool as_bool(const config_value& v, bool& out) {
    if (v.type == config_value::kind::boolean) return out = v.boolean, true;
    if (!v.is_string() || (v.string != "true" && v.string != "false")) return false;
    out = v.string == "true";
    return true;
  }

  status parameters(configured_watch& w) {
    std::string* const places[] = {&w.what.key, &w.what.prefix, &w.what.service, &w.what.service_id, &w.what.state, &w.what.name};
    const char* const names[] = {"key", "prefix", "service", "service_id", "state", "name"};
    auto gone = gone_;
    for (size_t i = 0; i < std::size(names); ++i) {
      *places[i] = text(names[i]);
      gone.insert(names[i]);
    }
    if (const auto* tag = value_.find("tag")) {
      gone.insert("tag");
      if (tag->is_string()) w.what.tags = {tag->string};
      for (auto& t : tag->list) w.what.tags.push_back(t.string);
    }
    bool stale = false;
    if (const auto* v = value_.find("stale")) {
      if (!as_bool(*v, stale)) return fail("Expecting stale to be a boolean", gone);
      gone.insert("stale");
    }
    if (const auto* v = value_.find("passingonly")) {
      if (!as_bool(*v, w.what.passing_only)) return fail("Expecting passingonly to be a boolean", gone);
      w.what.has_passing_only = true;
      gone.insert("passingonly");
    }
    auto first = plan(w.what);
    if (!first) return fail(first.err().text, first.err().text.starts_with("Invalid parameters") ? unknown_only(first.err().text) : gone);
    w.first = std::move(*first);
    gone.insert({"handler", "args"});
    if (auto left = others(gone); !left.empty()) return fail("Invalid parameters: [" + left + "]", gone);
    w.token = text("token");
    if (auto dc = text("datacenter"); !dc.empty()) w.first.query.emplace_back("dc", dc);
    if (stale) w.first.query.emplace_back("stale", "");
    return {};
  }
  // All but those that the complaint names.
  std::set<std::string> unknown_only(const std::string& complaint) const {
    std::set<std::string> gone;
    for (auto& [k, v] : value_.object)
      if (complaint.find("[" + k) == std::string::npos && complaint.find(" " + k) == std::string::npos) gone.insert(k);
    return gone;
  }
  std::string others(const std::set<std::string>& known) const {
    std::set<std::string> left;
    for (auto& [k, v] : value_.object)
      if (!known.contains(k)) left.insert(k);
    std::string out;
    for (auto& k : left) out += (out.empty() ? "" : " ") + k;
    return out;
  }
  status handlers(configured_watch& w, bool http, std::vector<std::string>* warnings) const {
    const auto* handler = value_.find("handler");
    const auto* args = value_.find("args");
    if (handler) {
      if (warnings)
        warnings->emplace_back("The 'handler' field in watches has been deprecated and replaced with the 'args' field. See "
                               "https://www.consul.io/docs/agent/watches.html");
      const auto* only = handler->is_list() && handler->list.size() == 1 ? &handler->list[0] : handler;
      if (!only->is_string()) return refuse("Watch handler must be a string");
      w.handler = only->string;
    }
    if (args) {
      if (!args->is_list() && !args->is_string()) return refuse("Watch args must be a list of strings");
      if (args->is_string()) w.args = {args->string};
      for (auto& a : args->list) {
        if (!a.is_string()) return refuse("Watch args must be a list of strings");
        w.args.push_back(a.string);
      }
    }
    if ((handler && args) || ((handler || args) && http)) return refuse("Only one watch handler allowed");
    if (!handler && !args && !http) return refuse("Must define a watch handler");
    return {};
  }
  result<http_handler> http_of() const {
    const auto* block = value_.find("http_handler_config");
    if (block && block->is_list() && block->list.size() == 1) block = &block->list[0];
    if (!block) return refuse("Handler type 'http' requires 'http_handler_config' to be set");
    const std::string failed = "Failed to parse 'http_handler_config': ";
    auto member = [&](const char* name) {
      const auto* v = block->find(name);
      return v && v->is_string() ? v->string : std::string();
    };
    http_handler h;
    h.path = member("path");
    if (h.path.empty()) return refuse(failed + "Requires 'path' to be set");
    if (auto m = member("method"); !m.empty()) h.method = m;
    if (auto t = member("timeout"); !t.empty()) {
      auto d = parse_duration(t);
      if (!d) return refuse(failed + "Failed to parse timeout: " + d.err().text);
      h.timeout = *d;
    }
    if (const auto* v = block->find("tls_skip_verify"); v && !as_bool(*v, h.tls_skip_verify))
      return refuse(failed + "Expecting tls_skip_verify to be a boolean");
    if (const auto* headers = block->find("header"))
      for (auto& [name, values] : headers->object) {
        if (values.is_string()) h.header[name].push_back(values.string);
        for (auto& v : values.list) h.header[name].push_back(v.string);
      }
    return h;
  }

  const config_value& value_;
  std::set<std::string> gone_;
};

} // namespace

result<std::vector<configured_watch>> read_watches(const node_config& config, std::vector<std::string>* warnings) {
  std::vector<configured_watch> out;
  if (config.watches.empty()) return out;
  if (config.http_addrs.empty() && config.https_addrs.empty()) return refuse("watch plans require an HTTP or HTTPS endpoint");
  for (auto& v : config.watches) {
    auto read = reading(v).read(warnings);
    if (!read) return read.err();
    out.push_back(std::move(*read));
  }
  return out;
}

} // namespace actord::watch
