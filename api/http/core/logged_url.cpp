#include "api/http/core/logged_url.hpp"
#include "api/http/core/uri.hpp"
#include "runtime/base/secrets.hpp"
#include <algorithm>
#include <vector>

namespace actord::http {
namespace {

constexpr std::string_view hidden = "<hidden>", token_mark = "token=";

constexpr size_t most_secrets = 8; // that are looked for in a path: with more of them it is hidden as a whole

// In one pass over what was asked, never over what stands for a secret already.
std::string without(std::string_view path, const std::vector<std::string_view>& secrets) {
  if (secrets.size() > most_secrets) return std::string(hidden);
  std::string out;
  for (size_t at = 0; at < path.size();) {
    size_t length = 0;
    for (const auto secret : secrets)
      if (path.substr(at).starts_with(secret)) length = std::max(length, secret.size());
    if (length == 0) out += path[at++];
    else out += hidden, at += length;
  }
  return out;
}

std::string logged_path(std::string_view path) {
  static constexpr std::string_view digits = "0123456789ABCDEF", unsafe = "\"<>\\^`{|}";
  std::string out;
  for (char c : path) {
    const auto b = static_cast<unsigned char>(c);
    if (b > 0x20 && b < 0x7f && unsafe.find(c) == unsafe.npos) out += c;
    else ((out += '%') += digits[b >> 4]) += digits[b & 15];
  }
  return out;
}

void hide_old_acl_id(std::string& path) {
  static constexpr std::string_view start = "/v1/acl/";
  const size_t at = path.find(start), verb_ends = at == path.npos ? at : path.find('/', at + start.size());
  if (verb_ends == path.npos) return;
  const auto verb = std::string_view(path).substr(at + start.size(), verb_ends - at - start.size());
  static constexpr std::string_view verbs[] = {"create", "update", "destroy", "info", "clone", "list"};
  if (std::find(std::begin(verbs), std::end(verbs), verb) != std::end(verbs) && verb_ends + 1 < path.size()) path.replace(verb_ends + 1, path.npos, hidden);
}

// What an agent is to join may be "provider=aws secret_access_key=…".
void hide_joined(std::string& path) {
  static constexpr std::string_view start = "/v1/agent/join/";
  std::string joined;
  if (!path.starts_with(start) || !decode_path(std::string_view(path).substr(start.size()), joined)) return;
  if (hide_secrets(joined) != joined) path.replace(start.size(), path.npos, hidden);
}

} // namespace

std::string logged_url(std::string_view target) {
  const size_t mark = target.find('?');
  std::string path = logged_path(target.substr(0, mark)), query;
  hide_old_acl_id(path);
  hide_joined(path);
  if (mark == target.npos) return path;
  std::string_view rest = target.substr(mark);
  std::vector<std::string_view> secrets;
  for (;;) { // pair by pair, each with the character before it
    const size_t end = rest.find_first_of("&;", 1);
    const std::string_view pair = rest.substr(1, end == rest.npos ? end : end - 1);
    query += rest[0];
    if (pair.starts_with(token_mark)) {
      std::string_view secret = pair.substr(token_mark.size());
      (query += token_mark) += hidden;
      if (!secret.empty() && std::find(secrets.begin(), secrets.end(), secret) == secrets.end() && secrets.size() <= most_secrets) secrets.push_back(secret);
    } else {
      query += pair;
    }
    if (end == rest.npos) break;
    rest.remove_prefix(end);
  }
  return without(path, secrets) + query;
}

} // namespace actord::http
