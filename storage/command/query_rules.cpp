#include "storage/command/query_rules.hpp"
#include "runtime/base/pattern.hpp"
#include "storage/command/interpolation.hpp"
#include <algorithm>
#include <optional>
#include <vector>

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

status check_ttl(const std::string& text) {
  if (text.empty()) return {};
  auto ttl = parse_duration(text);
  if (!ttl) return refuse("Bad DNS TTL '" + text + "': " + ttl.err().text);
  if (ttl->count() < 0) return refuse("DNS TTL '" + std::to_string(ttl->count()) + "', must be >=0");
  return {};
}

status bad_evaluation(const std::string& where, const std::string& text, const error& why) {
  return refuse("Bad evaluation for '" + text + "' in Service." + where + ": " + why.text);
}

bool begins_with(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

} // namespace

status check_query(const prepared_query& q) {
  if (q.name.empty() && q.pattern.type.empty() && q.session.empty()) return refuse("Must be bound to a session");
  if (q.token == hidden_token) return refuse("Bad Token '<hidden>', it looks like a query definition with a redacted token was submitted");
  if (q.service.service.empty()) return refuse("Must provide a Service name to query");
  if (q.service.failover.nearest_n < 0) return refuse("Bad NearestN '" + std::to_string(q.service.failover.nearest_n) + "', must be >= 0");
  if (auto s = check_metadata(q.service.node_meta); !s) return s;
  if (auto s = check_ttl(q.dns.ttl); !s) return s;
  if (!is_template(q)) return {};
  const auto fits = check_template_size(q);
  return fits ? fits : refuse(fits.err().text);
}

namespace {

status refuse_size(std::string text) { return error(errc::too_large, std::move(text)); }
std::string limit_of(size_t most) { return " (limit: " + std::to_string(most) + ")"; }

result<std::vector<interpolated_text>> parse_texts(const prepared_query& q, size_t most_parts) {
  std::vector<interpolated_text> texts;
  auto done = each_text(q.service, [&](const std::string& where, const std::string& text) -> status {
    auto parsed = interpolated_text::parse(text, most_parts);
    if (!parsed && parsed.err().code == errc::too_large) return refuse_size("Template is too large: more interpolations and texts than " + std::to_string(most_template_parts));
    if (!parsed) return refuse("Bad format '" + text + "' in Service." + where + ": " + parsed.err().text);
    if (most_parts != interpolated_text::no_limit) most_parts -= parsed->parts();
    texts.push_back(std::move(*parsed));
    return {};
  });
  if (!done) return done.err();
  return texts;
}

error bad_expression(const error& why) { return {errc::internal, "Bad Regexp: " + why.text}; }

result<std::optional<pattern>> compile_expression(const prepared_query& q) {
  std::optional<pattern> out;
  if (q.pattern.regexp.empty()) return out;
  auto made = pattern::compile(q.pattern.regexp);
  if (!made && made.err().code == errc::too_large)
    return error(errc::too_large, "Template is too large: a Regexp that compiles to more than " + std::to_string(pattern::usual_memory) + " bytes");
  if (!made) return bad_expression(made.err());
  out = std::move(*made);
  return out;
}

// Whether it compiles is part of the state, so that these bounds are the same for ever. One that is heavier takes many seconds, after which it is too
// large in any case.
result<std::optional<pattern>> compile_applied(const prepared_query& q) {
  constexpr size_t memory = 1 << 20, heaviest = 8 << 20;
  std::optional<pattern> out;
  const std::string& text = q.pattern.regexp;
  if (text.empty()) return out;
  auto made = pattern::compile(text, memory, pattern::weight_of(text) > heaviest ? 0 : text.size());
  if (!made) return bad_expression(made.err());
  out = std::move(*made);
  return out;
}

// The views in it are of the arguments.
interpolation_scope scope_of(const prepared_query& q, const std::optional<pattern>& expression, std::string_view name, std::string_view segment) {
  interpolation_scope scope;
  if (expression) scope.matches = expression->groups(name);
  const auto suffix = begins_with(name, q.name) ? name.substr(q.name.size()) : name;
  scope.variables = {{"name.full", name}, {"name.prefix", q.name}, {"name.suffix", suffix}, {"agent.segment", segment}};
  return scope;
}

// What a template's texts have together, those that are copied as they are, too.
size_t text_of(const prepared_query& q) {
  size_t bytes = q.pattern.regexp.size() + q.token.size() + q.dns.ttl.size();
  (void)each_text(q.service, [&](const std::string&, const std::string& text) -> status {
    bytes += text.size();
    return {};
  });
  for (auto* meta : {&q.service.node_meta, &q.service.service_meta})
    for (auto& [key, value] : *meta) bytes += key.size();
  return bytes;
}

status check_size(const prepared_query& q) {
  if (q.name.size() > longest_template_name)
    return refuse_size("Template is too large: a name of " + std::to_string(q.name.size()) + " bytes" + limit_of(longest_template_name));
  if (const auto bytes = text_of(q); bytes > most_template_text)
    return refuse_size("Template is too large: " + std::to_string(bytes) + " bytes of text" + limit_of(most_template_text));
  if (const auto bytes = pattern::weight_of(q.pattern.regexp); bytes > longest_template_regexp)
    return refuse_size("Template is too large: a Regexp of " + std::to_string(bytes) + " bytes, with classes of Unicode" + limit_of(longest_template_regexp));
  return {};
}

status check_size(const pattern& expression) {
  if (expression.group_count() > most_template_groups)
    return refuse_size("Template is too large: a Regexp with " + std::to_string(expression.group_count()) + " groups" + limit_of(most_template_groups));
  if (expression.size() > most_template_steps)
    return refuse_size("Template is too large: a Regexp of " + std::to_string(expression.size()) + " steps" + limit_of(most_template_steps));
  return {};
}

} // namespace

status check_template(const prepared_query& q) {
  if (q.pattern.type != query_template_type) return refuse("Bad Template.Type '" + q.pattern.type + "'");
  auto texts = parse_texts(q, interpolated_text::no_limit);
  if (!texts) return texts.err();
  auto expression = compile_applied(q);
  if (!expression) return expression.err();
  // As it will be for the shortest name that can ask for it.
  const auto scope = scope_of(q, *expression, q.name, {});
  size_t next = 0;
  return each_text(q.service, [&](const std::string& where, const std::string& text) -> status {
    if (auto s = (*texts)[next++].check(scope); !s) return bad_evaluation(where, text, s.err());
    return {};
  });
}

struct compiled_template::content {
  prepared_query query;
  std::vector<interpolated_text> texts;
  std::optional<pattern> expression;
  size_t weight = 0;
};

result<compiled_template> compiled_template::compile(prepared_query q) {
  if (auto s = check_size(q); !s) return s.err();
  auto texts = parse_texts(q, most_template_parts);
  if (!texts) return texts.err();
  auto expression = compile_expression(q);
  if (!expression) return expression.err();
  if (*expression)
    if (auto s = check_size(**expression); !s) return s.err();
  constexpr size_t least = 4 << 10, of_expression = 64 << 10, of_text = 64;
  size_t weight = least + 2 * text_of(q) + (*expression ? of_expression : 0);
  for (auto& t : *texts) weight += of_text + t.weight();
  return compiled_template(std::make_shared<content>(content{std::move(q), std::move(*texts), std::move(*expression), weight}));
}

size_t compiled_template::effort_to_compile(const prepared_query& q) {
  constexpr size_t per_byte = 10, per_byte_of_regexp = 1500;
  return text_of(q) * per_byte + pattern::weight_of(q.pattern.regexp) * per_byte_of_regexp;
}

size_t compiled_template::weight() const { return content_->weight; }

size_t compiled_template::effort(std::string_view name) const {
  const auto& e = content_->expression;
  return content_->weight + (e ? name.size() * e->size() * (1 + e->group_count() / 16) : 0);
}

result<prepared_query> compiled_template::render(std::string_view name, std::string_view segment) const {
  const auto& q = content_->query;
  if (name.size() > longest_template_name)
    return error(errc::too_large, "Name is too long for the template '" + q.name + "': " + std::to_string(name.size()) + " bytes" + limit_of(longest_template_name));
  const auto scope = scope_of(q, content_->expression, name, segment);
  prepared_query out = q;
  size_t next = 0, room = most_rendered;
  auto done = each_text(out.service, [&](const std::string& where, std::string& text) -> status {
    auto filled = content_->texts[next++].evaluate(scope, room);
    if (!filled && filled.err().code == errc::too_large) return refuse_size("Template '" + q.name + "' gives too much text for this name" + limit_of(most_rendered));
    if (!filled) return bad_evaluation(where, text, filled.err());
    text = std::move(*filled);
    return {};
  });
  if (!done) return done.err();
  if (q.pattern.remove_empty_tags) std::erase_if(out.service.tags, [](auto& tag) { return tag.empty(); });
  return out;
}

status check_template_size(const prepared_query& q) {
  auto compiled = compiled_template::compile(q);
  auto done = compiled ? status{} : status{compiled.err()};
  if (compiled)
    if (auto filled = compiled->render(q.name, {}); !filled) done = filled.err();
  return done.ok() || done.err().code != errc::too_large ? status{} : done;
}

} // namespace actord
