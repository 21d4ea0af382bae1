#include "storage/command/query_rules.hpp"
#include "runtime/base/pattern.hpp"
#include "storage/command/interpolation.hpp"
#include <algorithm>

namespace actord {
namespace {

constexpr std::string_view hidden_token = "<hidden>"; // what is shown of a token in its place
constexpr size_t most_pairs = 64, longest_key = 128, longest_value = 512; // of metadata

status refuse(std::string text) { return error(errc::internal, std::move(text)); }

bool is_meta_character(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-'; }

status check_metadata(const string_table& all) {
  if (all.size() > most_pairs) return refuse("Node metadata cannot contain more than 64 key/value pairs");
  for (auto& [key, value] : all) {
    std::string fault;
    if (key.empty()) fault = "Key cannot be blank";
    else if (!std::all_of(key.begin(), key.end(), is_meta_character)) fault = "Key contains invalid characters";
    else if (key.size() > longest_key) fault = "Key is too long (limit: 128 characters)";
    else if (value.size() > longest_value) fault = "Value is too long (limit: 512 characters)";
    if (!fault.empty()) return refuse("Couldn't load metadata pair ('" + key + "', '" + value + "'): " + fault);
  }
  return {};
}

// f(where it stands, the text) for each text that is filled in; stops at the first that fails.
template <class Service, class F> status each_text(Service& s, F&& f) {
  status done = f("Service", s.service);
  auto list = [&](const char* name, auto& all) {
    for (size_t i = 0; done.ok() && i < all.size(); ++i) done = f(name + ("[" + std::to_string(i)) + "]", all[i]);
  };
  auto map = [&](const char* name, auto& all) {
    for (auto& [key, value] : all)
      if (done.ok()) done = f(name + ("[" + key) + "]", value);
  };
  list("Failover.Datacenters", s.failover.datacenters);
  list("IgnoreCheckIDs", s.ignore_check_i_ds);
  if (done.ok()) done = f("Near", s.near);
  list("Tags", s.tags);
  map("NodeMeta", s.node_meta);
  map("ServiceMeta", s.service_meta);
  return done;
}

bool begins_with(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

} // namespace

status check_query(const prepared_query& q) {
  if (q.name.empty() && q.pattern.type.empty() && q.session.empty()) return refuse("Must be bound to a session");
  if (q.token == hidden_token) return refuse("Bad Token '<hidden>', it looks like a query definition with a redacted token was submitted");
  if (q.service.service.empty()) return refuse("Must provide a Service name to query");
  if (q.service.failover.nearest_n < 0) return refuse("Bad NearestN '" + std::to_string(q.service.failover.nearest_n) + "', must be >= 0");
  if (auto s = check_metadata(q.service.node_meta); !s) return s;
  if (q.dns.ttl.empty()) return {};
  auto ttl = parse_duration(q.dns.ttl);
  if (!ttl) return refuse("Bad DNS TTL '" + q.dns.ttl + "': " + ttl.err().text);
  if (ttl->count() < 0) return refuse("DNS TTL '" + std::to_string(ttl->count()) + "', must be >=0");
  return {};
}

status check_template(const prepared_query& q) {
  if (q.pattern.type != query_template_type) return refuse("Bad Template.Type '" + q.pattern.type + "'");
  // As it will be for the shortest name that can ask for it.
  auto done = render_template(q, q.name, {});
  return done ? status{} : status{done.err()};
}

result<prepared_query> render_template(const prepared_query& q, std::string_view name, std::string_view segment) {
  prepared_query out = q;
  std::vector<interpolated_text> texts;
  status done = each_text(q.service, [&](const std::string& where, const std::string& text) -> status {
    auto parsed = interpolated_text::parse(text);
    if (!parsed) return refuse("Bad format '" + text + "' in Service." + where + ": " + parsed.err().text);
    texts.push_back(std::move(*parsed));
    return {};
  });
  if (!done) return done.err();
  interpolation_scope scope;
  if (!q.pattern.regexp.empty()) {
    auto expression = pattern::compile(q.pattern.regexp);
    if (!expression) return error(errc::internal, "Bad Regexp: " + expression.err().text);
    scope.matches = expression->groups(name);
  }
  const auto suffix = begins_with(name, q.name) ? name.substr(q.name.size()) : name;
  scope.variables = {{"name.full", name}, {"name.prefix", q.name}, {"name.suffix", suffix}, {"agent.segment", segment}};
  size_t next = 0;
  done = each_text(out.service, [&](const std::string& where, std::string& text) -> status {
    auto filled = texts[next++].evaluate(scope);
    if (!filled) return refuse("Bad evaluation for '" + text + "' in Service." + where + ": " + filled.err().text);
    text = std::move(*filled);
    return {};
  });
  if (!done) return done.err();
  if (q.pattern.remove_empty_tags) std::erase_if(out.service.tags, [](auto& tag) { return tag.empty(); });
  return out;
}

} // namespace actord
