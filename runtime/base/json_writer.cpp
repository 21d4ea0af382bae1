#include "runtime/base/json_writer.hpp"
#include "runtime/base/utf8.hpp"
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace actord {
namespace {

constexpr char hex[] = "0123456789abcdef";
constexpr char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Bytes that can be copied as they are: printable ASCII but for the six that Go escapes.
constexpr std::array<bool, 256> plain_bytes = [] {
  std::array<bool, 256> t{};
  for (int c = 0x20; c < 0x7f; ++c) t[static_cast<size_t>(c)] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
  t[0x7f] = true;
  return t;
}();

void append_escape(std::string& out, unsigned char c) {
  switch (c) {
  case '"': out += "\\\""; return;
  case '\\': out += "\\\\"; return;
  case '\n': out += "\\n"; return;
  case '\r': out += "\\r"; return;
  case '\t': out += "\\t"; return;
  default:
    out += "\\u00";
    out += hex[c >> 4];
    out += hex[c & 15];
  }
}

} // namespace

void json_writer::append_string(std::string& out, std::string_view s) {
  out += '"';
  size_t start = 0, i = 0;
  auto flush = [&] { out.append(s.data() + start, i - start); };
  while (i < s.size()) {
    auto c = static_cast<unsigned char>(s[i]);
    if (plain_bytes[c]) {
      ++i;
      continue;
    }
    if (c < 0x80) {
      flush();
      append_escape(out, c);
      start = ++i;
      continue;
    }
    auto n = utf8_length(s, i);
    if (n == 0) {
      flush();
      out += "\\ufffd";
      start = ++i;
    } else if (n == 3 && (s.substr(i, 3) == "\xe2\x80\xa8" || s.substr(i, 3) == "\xe2\x80\xa9")) {
      flush();
      out += s[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      start = i += 3;
    } else {
      i += n;
    }
  }
  flush();
  out += '"';
}

void json_writer::base64(std::string_view bytes) {
  separate();
  out_ += '"';
  append_base64(out_, bytes);
  out_ += '"';
  comma_ = true;
}

void json_writer::number(int64_t n) {
  separate();
  char buf[24];
  out_.append(buf, static_cast<size_t>(std::to_chars(buf, buf + sizeof buf, n).ptr - buf));
  comma_ = true;
}

void json_writer::number(uint64_t n) {
  separate();
  char buf[24];
  out_.append(buf, static_cast<size_t>(std::to_chars(buf, buf + sizeof buf, n).ptr - buf));
  comma_ = true;
}

void json_writer::number(double n) {
  separate();
  comma_ = true;
  if (!std::isfinite(n)) { // Go refuses these; they cannot come out of valid input
    out_ += "0";
    return;
  }
  char buf[400];
  auto magnitude = std::fabs(n);
  auto exponent = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
  auto end = std::to_chars(buf, buf + sizeof buf, n, exponent ? std::chars_format::scientific : std::chars_format::fixed).ptr;
  std::string_view text(buf, static_cast<size_t>(end - buf));
  auto e = text.find("e-0"); // Go writes e-9, not e-09
  out_ += e == text.npos ? text : text.substr(0, e + 2);
  if (e != text.npos) out_ += text.substr(e + 3);
}

std::string json_pretty(std::string_view in, std::string_view indent, bool final_newline) {
  std::string out;
  out.reserve(in.size() * 2);
  int depth = 0;
  auto newline = [&] {
    out += '\n';
    for (int i = 0; i < depth; ++i) out += indent;
  };
  for (size_t i = 0; i < in.size(); ++i) {
    char c = in[i];
    if (c == '"') {
      auto start = i++;
      while (i < in.size() && in[i] != '"') i += in[i] == '\\' ? 2 : 1;
      out += in.substr(start, i - start + 1);
    } else if (c == '{' || c == '[') {
      out += c;
      if (i + 1 < in.size() && (in[i + 1] == '}' || in[i + 1] == ']')) {
        out += in[++i];
      } else {
        ++depth;
        newline();
      }
    } else if (c == '}' || c == ']') {
      --depth;
      newline();
      out += c;
    } else if (c == ',') {
      out += c;
      newline();
    } else if (c == ':') {
      out += ": ";
    } else {
      out += c;
    }
  }
  if (final_newline) out += '\n';
  return out;
}

void append_base64(std::string& out, std::string_view s) {
  out.reserve(out.size() + (s.size() + 2) / 3 * 4);
  auto byte = [&](size_t k) { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0U; };
  for (size_t i = 0; i < s.size(); i += 3) {
    unsigned v = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out += base64_alphabet[v >> 18];
    out += base64_alphabet[v >> 12 & 63];
    out += i + 1 < s.size() ? base64_alphabet[v >> 6 & 63] : '=';
    out += i + 2 < s.size() ? base64_alphabet[v & 63] : '=';
  }
}

bool decode_base64(std::string_view text, std::string& out) {
  static const auto table = [] {
    std::array<int8_t, 256> t{};
    t.fill(-1);
    for (int i = 0; i < 64; ++i) t[static_cast<unsigned char>(base64_alphabet[i])] = static_cast<int8_t>(i);
    return t;
  }();
  std::string clean;
  if (text.find_first_of("\r\n") != text.npos) { // Go's decoder skips line ends
    for (char c : text)
      if (c != '\r' && c != '\n') clean += c;
    text = clean;
  }
  out.clear();
  if (text.size() % 4 != 0) return false;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    bool last = i + 4 == text.size();
    int pad = last ? (text[i + 3] == '=') + (text[i + 3] == '=' && text[i + 2] == '=') : 0;
    unsigned v = 0;
    for (size_t k = 0; k < 4; ++k) {
      int d = static_cast<int>(k) >= 4 - pad ? 0 : table[static_cast<unsigned char>(text[i + k])];
      if (d < 0) return false;
      v = v << 6 | static_cast<unsigned>(d);
    }
    out += static_cast<char>(v >> 16);
    if (pad < 2) out += static_cast<char>(v >> 8 & 255);
    if (pad < 1) out += static_cast<char>(v & 255);
  }
  return true;
}

} // namespace actord
