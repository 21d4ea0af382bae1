#include "api/http/core/uri.hpp"
#include <cstdint>

namespace actord::http {
namespace {

// Each handler looks through them: more are refused as what does not decode is.
constexpr size_t most_params = 1000;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Appends the decoded text; false on a bad escape.
bool append_decoded(std::string_view in, bool plus_is_space, std::string& out) {
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] == '%') {
      if (i + 2 >= in.size()) return false;
      int hi = hex_digit(in[i + 1]), lo = hex_digit(in[i + 2]);
      if (hi < 0 || lo < 0) return false;
      out += static_cast<char>(hi * 16 + lo);
      i += 2;
    } else {
      out += in[i] == '+' && plus_is_space ? ' ' : in[i];
    }
  }
  return true;
}

bool printable_rune(uint32_t c) {
  struct range { uint32_t from, to; };
  static constexpr range refused[] = {
      {0x7f, 0xa0},     {0xad, 0xad},     {0x600, 0x605},   {0x61c, 0x61c},     {0x6dd, 0x6dd},
      {0x70f, 0x70f},   {0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f},   {0x2028, 0x202f},
      {0x205f, 0x206f}, {0x3000, 0x3000}, {0xd800, 0xf8ff}, {0xfeff, 0xfeff},   {0xfff0, 0xfffb},
      {0xfffe, 0xffff}, {0x1d173, 0x1d17a}, {0xe0000, 0xe00ff}, {0xf0000, 0x10ffff}};
  if (c < 0x7f) return c >= 0x20;
  for (auto& r : refused)
    if (c >= r.from && c <= r.to) return false;
  return true;
}

// Reads one UTF-8 sequence; an invalid byte counts as U+FFFD, which is printable.
uint32_t next_rune(std::string_view s, size_t& i) {
  auto at = [&](size_t k) { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0u; };
  auto tail = [&](size_t k) { return (at(k) & 0xc0) == 0x80; };
  uint32_t b = at(i);
  if (b < 0x80) return ++i, b;
  if (b >= 0xc2 && b < 0xe0 && tail(i + 1)) {
    uint32_t c = (b & 0x1f) << 6 | (at(i + 1) & 0x3f);
    return i += 2, c;
  }
  if (b >= 0xe0 && b < 0xf0 && tail(i + 1) && tail(i + 2)) {
    uint32_t c = (b & 0x0f) << 12 | (at(i + 1) & 0x3f) << 6 | (at(i + 2) & 0x3f);
    if (c >= 0x800 && (c < 0xd800 || c > 0xdfff)) return i += 3, c;
  } else if (b >= 0xf0 && b < 0xf5 && tail(i + 1) && tail(i + 2) && tail(i + 3)) {
    uint32_t c = (b & 0x07) << 18 | (at(i + 1) & 0x3f) << 12 | (at(i + 2) & 0x3f) << 6 | (at(i + 3) & 0x3f);
    if (c >= 0x10000 && c <= 0x10ffff) return i += 4, c;
  }
  return ++i, 0xfffd;
}

} // namespace

bool decode_path(std::string_view encoded, std::string& out) {
  out.clear();
  if (encoded.find('%') == encoded.npos) {
    out = encoded;
    return true;
  }
  return append_decoded(encoded, false, out);
}

std::string encode_path(std::string_view path) {
  static constexpr std::string_view kept = "-_.~$&+,/:;=@", digits = "0123456789ABCDEF";
  std::string out;
  for (char c : path) {
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alnum || kept.find(c) != kept.npos) {
      out += c;
      continue;
    }
    auto b = static_cast<unsigned char>(c);
    out += '%';
    out += digits[b >> 4];
    out += digits[b & 15];
  }
  return out;
}

bool parse_query(std::string_view q, std::vector<std::pair<std::string_view, std::string_view>>& params, std::string& arena) {
  params.clear();
  arena.clear();
  arena.reserve(q.size()); // decoding never grows text, so the views below stay valid
  bool good = true;
  auto decode = [&](std::string_view part, std::string_view& out) {
    if (part.find_first_of("%+") == part.npos) {
      out = part;
      return true;
    }
    size_t from = arena.size();
    if (!append_decoded(part, true, arena)) {
      arena.resize(from);
      return false;
    }
    out = std::string_view(arena).substr(from);
    return true;
  };
  while (!q.empty()) {
    size_t end = q.find_first_of("&;");
    std::string_view pair = q.substr(0, end);
    q = end == q.npos ? std::string_view{} : q.substr(end + 1);
    if (pair.empty()) continue;
    size_t eq = pair.find('=');
    std::string_view name, value;
    if (params.size() == most_params) return false;
    if (!decode(pair.substr(0, eq), name) || (eq != pair.npos && !decode(pair.substr(eq + 1), value))) {
      good = false;
      continue;
    }
    params.emplace_back(name, value);
  }
  return good;
}

bool needs_cleaning(std::string_view path) {
  if (path.empty() || path[0] != '/') return true;
  for (size_t i = path.find('/'); i != path.npos; i = path.find('/', i + 1)) {
    std::string_view rest = path.substr(i + 1);
    if (rest.starts_with('/') || rest == "." || rest == ".." || rest.starts_with("./") || rest.starts_with("../")) return true;
  }
  return false;
}

std::string clean_path(std::string_view path) {
  std::vector<std::string_view> kept;
  std::string_view rest = path;
  while (!rest.empty()) {
    size_t slash = rest.find('/');
    std::string_view segment = rest.substr(0, slash);
    rest = slash == rest.npos ? std::string_view{} : rest.substr(slash + 1);
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else {
      kept.push_back(segment);
    }
  }
  std::string out;
  for (auto s : kept) (out += '/') += s;
  if (out.empty() || (!path.empty() && path.back() == '/')) out += '/';
  return out;
}

bool printable(std::string_view path) {
  for (size_t i = 0; i < path.size();)
    if (!printable_rune(next_rune(path, i))) return false;
  return true;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

} // namespace actord::http
