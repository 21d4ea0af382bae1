#include "runtime/base/file_wait.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/hcl.hpp"
#include "runtime/config/steps.hpp"
#include <cerrno>
#include <climits>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {
namespace {

constexpr size_t max_file_bytes = 16 * 1024 * 1024;
constexpr size_t max_files = 10'000;

error refuse(std::string text) { return {errc::bad_request, std::move(text)}; }


// "hcl", "json" or "" by the file's ending.
std::string format_of(const std::string& path) {
  if (path.ends_with(".hcl")) return "hcl";
  if (path.ends_with(".json")) return "json";
  return {};
}

// A `service` block is one more of `services`, a `check` one more of `checks`.
void fold_single(config_value& tree, std::string_view single, std::string_view plural) {
  auto* one = tree.find(single);
  if (!one) return;
  auto moved = std::move(*one);
  auto& all = tree.at_or_add(plural);
  if (!all.is_list()) all = config_value::of_list();
  all.list.push_back(std::move(moved));
  tree.erase(single);
}

result<config_value> parse_source(std::string_view text, const std::string& name, bool json, string_list& warnings) {
  auto tree = json ? parse_json_value(text, name) : parse_hcl(text, name);
  if (!tree) return refuse(fmt::format("failed to parse {}: {}", name, tree.err().text));
  if (tree->is_null()) *tree = config_value::of_object();
  if (!tree->is_object()) {
    const auto what = tree->is_list() ? "array" : tree->is_number() ? "number" : std::string(kind_name(tree->type));
    return refuse(fmt::format("failed to parse {}: json: cannot unmarshal {} into Go value of type map[string]interface {{}}", name, what));
  }
  if (tree->find("acl_enforce_version_8")) {
    tree->erase("acl_enforce_version_8");
    warnings.push_back("config key \"acl_enforce_version_8\" is deprecated and should be removed");
  }
  schema_errors errors;
  normalise(*tree, config_schema(), json, errors);
  if (!errors.empty()) return refuse(fmt::format("failed to parse {}: {}", name, errors.text()));
  fold_single(*tree, "service", "services");
  fold_single(*tree, "check", "checks");
  return tree;
}

struct found_file {
  std::string path;
  bool from_directory = false;
  bool is_pipe = false; // or a terminal: what is read once
};

// A file that cannot be read, or went meanwhile, is not an empty one.
result<std::string> read_source(const found_file& f) {
  auto text = read_whatever(f.path, max_file_bytes);
  if (text && *text) return std::move(**text);
  if (!text && text.err().code == errc::too_large) return refuse(fmt::format("config: {} is larger than 16 MiB", f.path));
  const auto why = text ? file_error("open", f.path, ENOENT).text : text.err().text;
  return refuse(f.from_directory ? fmt::format("config: failed to read {}: {}", f.path, why) : fmt::format("config: ReadFile failed on {}: {}", f.path, why));
}

// What a pipe gives, it gives once: a reload goes on with that.
result<std::string> read_once(const found_file& f) {
  static std::mutex lock;
  static std::map<std::string, std::string> given;
  std::lock_guard hold(lock);
  if (const auto it = given.find(f.path); it != given.end()) return it->second;
  auto text = read_source(f);
  if (text) given[f.path] = *text;
  return text;
}

// What a name in a directory that leads nowhere is told as.
error leads_nowhere(const std::string& path) {
  const int code = errno;
  if (code == ELOOP) return refuse("EvalSymlinks: too many links");
  char target[PATH_MAX];
  const ssize_t n = readlink(path.c_str(), target, sizeof target);
  std::string to = n > 0 ? std::string(target, static_cast<size_t>(n)) : path;
  if (!to.starts_with('/')) to.insert(0, path.substr(0, path.rfind('/') + 1));
  return refuse(file_error("lstat", to, code).text);
}

// Directories are not walked deeper; links are followed.
status find_sources(const std::string& path, std::vector<found_file>& out) {
  const file_wait waits(path);
  struct stat st{};
  if (stat(path.c_str(), &st) != 0) return refuse(fmt::format("config: Open failed on {}. {}", path, file_error("open", path).text));
  if (!S_ISDIR(st.st_mode)) {
    out.push_back({path, false, !S_ISREG(st.st_mode)});
    return {};
  }
  auto names = list_files(path);
  if (!names || !*names) return refuse(fmt::format("config: Open failed on {}. {}", path, names ? file_error("open", path, ENOENT).text : names.err().text));
  for (auto& name : **names) {
    const auto full = path + (path.ends_with('/') ? "" : "/") + name;
    if (stat(full.c_str(), &st) != 0) return leads_nowhere(full);
    if (S_ISREG(st.st_mode)) out.push_back({full, true});
    if (out.size() > max_files) return refuse(fmt::format("config: more than {} files in {}", max_files, path));
  }
  return {};
}

config_value dev_defaults() {
  auto tree = parse_hcl(R"(
    bind_addr = "127.0.0.1" disable_anonymous_signature = true disable_keyring_file = true enable_debug = true ui = true
    log_level = "DEBUG" server = true connect { enabled = true } performance { raft_multiplier = 1 } ports { grpc = 8502 }
    gossip_lan { gossip_interval = "100ms" probe_interval = "100ms" probe_timeout = "100ms" suspicion_mult = 3 }
    gossip_wan { gossip_interval = "100ms" probe_interval = "100ms" probe_timeout = "100ms" suspicion_mult = 3 })");
  return tree ? std::move(*tree) : config_value::of_object();
}

} // namespace

status read_sources(const load_request& request, std::vector<config_value>& trees, string_list& warnings) {
  if (!request.format.empty() && request.format != "hcl" && request.format != "json")
    return refuse("config: -config-format must be either 'hcl' or 'json'");
  if (request.dev) trees.push_back(dev_defaults());
  std::vector<found_file> files;
  for (auto& path : request.paths)
    if (auto s = find_sources(path, files); !s) return s;
  for (auto& file : files) {
    const auto format = request.format.empty() ? format_of(file.path) : request.format;
    if (format.empty()) {
      warnings.push_back(fmt::format("skipping file {}, extension must be .hcl or .json, or config format must be set", file.path));
      continue;
    }
    auto text = file.is_pipe ? read_once(file) : read_source(file);
    if (!text) return text.err();
    auto tree = parse_source(*text, file.path, format == "json", warnings);
    if (!tree) return tree.err();
    trees.push_back(std::move(*tree));
  }
  for (size_t i = 0; i < request.hcl.size(); ++i) {
    auto tree = parse_source(request.hcl[i], fmt::format("flags-{}.hcl", i), false, warnings);
    if (!tree) return tree.err();
    trees.push_back(std::move(*tree));
  }
  trees.push_back(request.flags);
  return {};
}

namespace {

config_value value_from_flag(const field_row& row, const std::string& text) {
  switch (row.type) {
    case field_type::boolean: {
      bool b = false;
      parse_go_bool(text, b);
      return config_value::of_bool(b);
    }
    case field_type::text_list: return config_value::of_list({config_value::of_string(text)});
    default: return config_value::of_string(text);
  }
}

void set_from_flag(config_value& tree, const field_row& row, const std::string& text, int64_t number) {
  config_value* at = &tree;
  auto path = row.path;
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    at = &at->at_or_add(path.substr(0, dot));
    at->type = config_value::kind::object;
    path.remove_prefix(dot + 1);
  }
  auto& leaf = at->at_or_add(path);
  if (row.type == field_type::integer) {
    leaf = config_value::of_int(number);
  } else if (row.type == field_type::text_map) {
    leaf.type = config_value::kind::object;
    const auto cut = text.find(':');
    leaf.at_or_add(text.substr(0, cut)) = config_value::of_string(cut == std::string::npos ? "" : text.substr(cut + 1));
  } else if (row.type == field_type::text_list && leaf.is_list()) {
    leaf.list.push_back(config_value::of_string(text));
  } else {
    leaf = value_from_flag(row, text);
  }
}

} // namespace

result<load_request> request_from_flags(const parsed_flags& flags) {
  if (!flags.rest.empty()) {
    std::string words;
    for (auto& w : flags.rest) words += (words.empty() ? "" : " ") + w;
    return refuse("Unexpected extra arguments: [" + words + "]");
  }
  load_request request;
  request.dev = flags.boolean("dev");
  request.format = flags.text("config-format");
  request.hcl = flags.all("hcl");
  for (auto& [name, text] : flags.in_order) {
    if (name == "config-file" || name == "config-dir") request.paths.push_back(text);
    for (auto& row : field_table())
      if (row.flag == name) set_from_flag(request.flags, row, text, flags.integer(name));
  }
  return request;
}

} // namespace actord
