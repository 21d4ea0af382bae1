#include "runtime/base/secrets.hpp"
#include <algorithm>

namespace actord {
namespace {

bool of_name(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '-' || c == '.'; }
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The end of the value that begins at `at`: of a quoted one behind its closing quote.
size_t end_of_value(std::string_view text, size_t at) {
  const char mark = at < text.size() && (text[at] == '"' || text[at] == '\'' || text[at] == '`') ? text[at] : '\0';
  if (mark == '\0') {
    while (at < text.size() && !is_blank(text[at])) ++at;
    return at;
  }
  for (++at; at < text.size() && text[at] != mark; ++at)
    if (text[at] == '\\' && mark != '`') ++at;
  return std::min(text.size(), at + 1);
}

// HTTP's own, and X-Vault-Token and its like: what a colon and a blank follow need be no name elsewhere ("lookup key-host: no such host").
bool is_header(std::string_view name) {
  std::string low;
  for (char c : name) low += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  for (auto* one : {"authorization", "proxy-authorization", "cookie", "set-cookie"})
    if (low == one) return true;
  return low.starts_with("x-") && names_secret(low);
}

// `at` is behind a name and what closes its quotes: where its value begins and ends, if one follows.
bool find_value(std::string_view text, size_t at, std::string_view name, bool quoted, size_t& begin, size_t& end) {
  size_t sign = at;
  while (sign < text.size() && is_blank(text[sign])) ++sign;
  if (sign == text.size() || (text[sign] != '=' && text[sign] != ':')) return false;
  begin = sign + 1;
  while (begin < text.size() && is_blank(text[begin])) ++begin;
  // The name is looked at first: a text of names only would be searched for the end of each one's value.
  if (text[sign] == '=' || quoted) {
    if (!names_secret(name)) return false;
    end = end_of_value(text, begin);
    return true;
  }
  if (sign != at || begin == sign + 1 || !is_header(name)) return false;
  end = std::min(text.size(), text.find_first_of("\r\n\"'", begin));
  return true;
}

// Behind "://": where the user's password begins and ends, or nothing.
bool find_password(std::string_view text, size_t at, size_t& begin, size_t& end) {
  size_t stop = at;
  while (stop < text.size() && !is_blank(text[stop]) && std::string_view("/?#\"'`").find(text[stop]) == std::string_view::npos) ++stop;
  const auto authority = text.substr(at, stop - at);
  const auto sign = authority.rfind('@');
  const auto colon = authority.substr(0, sign == authority.npos ? 0 : sign).find(':');
  if (colon == authority.npos) return false;
  begin = at + colon + 1;
  end = at + sign;
  return true;
}

} // namespace

bool names_secret(std::string_view name) {
  std::string low;
  for (char c : name) low += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  // The first three are Consul's.
  for (auto* part : {"key", "token", "secret", "passw", "passphrase", "authorization", "cookie"})
    if (low.find(part) != low.npos) return true;
  return false;
}

std::string hide_secrets(std::string_view text) {
  std::string out;
  size_t name = 0; // where the word began in which we are
  for (size_t i = 0; i < text.size();) {
    size_t begin, end;
    if (i > name && !of_name(text[i])) {
      const bool quoted = (text[i] == '"' || text[i] == '\'' || text[i] == '`') && name > 0 && text[name - 1] == text[i];
      if (find_value(text, quoted ? i + 1 : i, text.substr(name, i - name), quoted, begin, end)) {
        out += text.substr(i, begin - i);
        out += "hidden";
        i = name = end;
        continue;
      }
    }
    if (text[i] == ':' && text.substr(i).starts_with("://") && find_password(text, i + 3, begin, end)) {
      out += text.substr(i, begin - i);
      out += "***";
      i = name = end;
      continue;
    }
    if (!of_name(text[i])) name = i + 1;
    out += text[i++];
  }
  return out;
}

std::vector<std::string> hide_secrets_in(std::vector<std::string> words) {
  bool flag = false; // the word before was one, without a value
  for (auto& w : words) {
    const bool value = flag && !w.starts_with('-');
    flag = w.starts_with('-') && w.find_first_of("= ") == w.npos && names_secret(w);
    w = value ? "hidden" : hide_secrets(w);
  }
  return words;
}

std::string hide_secrets_of(std::string_view shown, std::string message) {
  const auto hidden = hide_secrets(shown);
  if (hidden == shown) return message;
  std::string out;
  for (size_t from = 0;;) {
    const auto at = message.find(shown, from);
    out += message.substr(from, at - from);
    if (at == message.npos) return out;
    out += hidden;
    from = at + shown.size();
  }
}

} // namespace actord
