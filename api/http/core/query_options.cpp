#include "api/http/core/query_options.hpp"
#include <charconv>

namespace actord::http {
namespace {

constexpr std::string_view both_stale = "Cannot specify ?stale with ?consistent, conflicting semantics.",
                           both_cached = "Cannot specify ?cached with ?consistent, conflicting semantics.";

bool refuse(response& out, std::string_view text) {
  out.text(400, text);
  return false;
}

bool parse_unsigned(std::string_view s, uint64_t& out) {
  auto [end, failure] = std::from_chars(s.data(), s.data() + s.size(), out, 10);
  return failure == std::errc{} && end == s.data() + s.size();
}

bool parse_consistency(const request& r, query_options& o, response& out) {
  bool stale = false, consistent = false;
  for (auto& [name, value] : r.params) {
    if (name == "stale") stale = true;
    else if (name == "consistent") consistent = true;
    else if (name == "leader") o.explicit_leader = true;
    else if (name == "cached") o.cached = true;
  }
  if (auto bound = r.param("max_stale"); !bound.empty()) {
    auto d = parse_duration(bound);
    if (!d) return refuse(out, "Invalid max_stale value \"" + std::string(bound) + "\"");
    o.max_stale = *d;
    if (d->count() > 0) stale = true;
  }
  if (stale && consistent) return refuse(out, both_stale);
  if (o.cached && consistent) return refuse(out, both_cached);
  o.mode = stale ? consistency::stale : consistent ? consistency::consistent : consistency::leader;
  return true;
}

bool parse_cache_control(const request& r, query_options& o, response& out) {
  std::string_view left = r.header("Cache-Control");
  while (!left.empty()) {
    size_t comma = left.find(',');
    std::string_view part = left.substr(0, comma);
    left = comma == left.npos ? std::string_view{} : left.substr(comma + 1);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (part == "must-revalidate") o.must_revalidate = true;
    size_t eq = part.find('=');
    std::string_view name = part.substr(0, eq);
    if (eq == part.npos || (name != "max-age" && name != "stale-if-error")) continue;
    uint64_t seconds = 0;
    if (!parse_unsigned(part.substr(eq + 1), seconds) || seconds > 1000000000) return refuse(out, "Invalid Cache-Control header.");
    if (name == "max-age") {
      o.max_age = std::chrono::seconds(seconds);
      if (seconds == 0) o.must_revalidate = true;
    } else {
      o.stale_if_error = std::chrono::seconds(seconds);
    }
  }
  return true;
}

bool parse_wait(const request& r, query_options& o, response& out) {
  if (auto wait = r.param("wait"); !wait.empty()) {
    auto d = parse_duration(wait);
    if (!d) return refuse(out, "Invalid wait time");
    o.wait = *d;
  }
  if (auto index = r.param("at_least"); !index.empty())
    if (!parse_unsigned(index, o.at_least)) return refuse(out, "Invalid at_least");
  if (auto index = r.param("index"); !index.empty())
    if (!parse_unsigned(index, o.min_index)) return refuse(out, "Invalid index");
  return true;
}

} // namespace

std::string_view parse_token(const request& r) {
  if (auto t = r.param("token"); !t.empty()) return t;
  if (auto t = r.header("X-Consul-Token"); !t.empty()) return t;
  std::string_view a = r.header("Authorization");
  size_t space = a.find(' ');
  if (space == a.npos || !equal_fold(a.substr(0, space), "bearer")) return {};
  std::string_view t = a.substr(space + 1);
  while (t.starts_with(' ')) t.remove_prefix(1);
  while (t.ends_with(' ')) t.remove_suffix(1);
  return t;
}

bool refuse_namespace(const request& r, response& out) {
  if (!r.header("X-Consul-Namespace").empty())
    return refuse(out, "Bad request: Invalid header: \"X-Consul-Namespace\" - Namespaces are a Consul Enterprise feature");
  if (!r.param("ns").empty())
    return refuse(out, "Bad request: Invalid query parameter: \"ns\" - Namespaces are a Consul Enterprise feature");
  return true;
}

bool parse_query_options(const request& r, query_options& o, response& out) {
  o.token = parse_token(r);
  if (!r.params.empty()) {
    o.datacenter = r.param("dc");
    o.filter = r.param("filter");
    o.near = r.param("near");
    o.pretty = r.has_param("pretty");
    for (auto& [name, value] : r.params)
      if (name == "node-meta") {
        size_t colon = value.find(':');
        if (colon == value.npos) o.node_meta.emplace_back(value, std::string_view{});
        else o.node_meta.emplace_back(value.substr(0, colon), value.substr(colon + 1));
      }
    if (!parse_consistency(r, o, out)) return false;
  }
  if (!parse_cache_control(r, o, out)) return false;
  return parse_wait(r, o, out);
}

} // namespace actord::http
