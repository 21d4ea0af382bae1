#include "runtime/base/json_codec.hpp"
#include "runtime/base/json_number.hpp"
#include <cctype>
#include <cstdio>
#include <ctime>
#include <fmt/format.h>
#include <rapidjson/memorystream.h>

namespace actord {
namespace {

std::string_view kind_of(const json_node& n) {
  switch (n.GetType()) {
  case rapidjson::kNullType: return "null";
  case rapidjson::kFalseType:
  case rapidjson::kTrueType: return "bool";
  case rapidjson::kObjectType: return "object";
  case rapidjson::kArrayType: return "array";
  case rapidjson::kStringType: return "string";
  default: return "number";
  }
}

std::string number_suffix(const json_node& n) { // Go names the number itself when it does not fit
  if (n.IsUint64()) return " " + std::to_string(n.GetUint64());
  if (n.IsInt64()) return " " + std::to_string(n.GetInt64());
  if (n.IsNumber()) return fmt::format(" {}", n.GetDouble());
  return "";
}

error parse_failure(std::string_view text, const rapidjson::ParseResult& outcome) {
  auto at = outcome.Offset();
  if (text.find_first_not_of(" \t\r\n") == text.npos) return {errc::bad_request, "EOF"};
  while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at]))) ++at;
  if (at >= text.size()) return {errc::bad_request, "unexpected EOF"};
  auto c = text[at];
  auto shown = c == '\'' ? std::string("'\\''") : fmt::format("'{}'", c);
  for (std::string_view word : {"true", "false", "null"})
    for (size_t n = word.size() - 1; n > 0; --n)
      if (outcome.Code() == rapidjson::kParseErrorValueInvalid && at >= n && text.substr(at - n, n) == word.substr(0, n))
        return {errc::bad_request, fmt::format("invalid character {} in literal {} (expecting '{}')", shown, word, word[n])};
  switch (outcome.Code()) {
  case rapidjson::kParseErrorDocumentRootNotSingular:
    return {errc::bad_request, fmt::format("invalid character {} after top-level value", shown)};
  case rapidjson::kParseErrorObjectMissName:
    return {errc::bad_request, fmt::format("invalid character {} looking for beginning of object key string", shown)};
  case rapidjson::kParseErrorObjectMissColon:
    return {errc::bad_request, fmt::format("invalid character {} after object key", shown)};
  case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket:
    return {errc::bad_request, fmt::format("invalid character {} after object key:value pair", shown)};
  case rapidjson::kParseErrorArrayMissCommaOrSquareBracket:
    return {errc::bad_request, fmt::format("invalid character {} after array element", shown)};
  default: return {errc::bad_request, fmt::format("invalid character {} looking for beginning of value", shown)};
  }
}

// Passes all on to the document, but for numbers, which it gets by their values.
struct document_builder {
  rapidjson::Document& doc;
  bool Null() { return doc.Null(); }
  bool Bool(bool b) { return doc.Bool(b); }
  bool Int(int i) { return doc.Int(i); }
  bool Uint(unsigned i) { return doc.Uint(i); }
  bool Int64(int64_t i) { return doc.Int64(i); }
  bool Uint64(uint64_t i) { return doc.Uint64(i); }
  bool Double(double d) { return doc.Double(d); }
  bool RawNumber(const char* s, rapidjson::SizeType n, bool) { return emit_json_number({s, n}, doc); }
  bool String(const char* s, rapidjson::SizeType n, bool copy) { return doc.String(s, n, copy); }
  bool Key(const char* s, rapidjson::SizeType n, bool copy) { return doc.Key(s, n, copy); }
  bool StartObject() { return doc.StartObject(); }
  bool EndObject(rapidjson::SizeType n) { return doc.EndObject(n); }
  bool StartArray() { return doc.StartArray(); }
  bool EndArray(rapidjson::SizeType n) { return doc.EndArray(n); }
};

// Days since the Unix epoch of a civil date (Hinnant, "chrono-compatible low-level date algorithms").
int64_t days_from_civil(int64_t y, unsigned m, unsigned d) {
  y -= m <= 2;
  const auto era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const auto doy = (153 * (m + (m > 2 ? -3U : 9U)) + 2) / 5 + d - 1;
  const auto doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<int64_t>(doe) - 719468;
}

} // namespace

result<json_document> json_document::parse(std::string_view text) {
  json_document out;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  rapidjson::ParseResult outcome;
  auto parse = [&](rapidjson::Document& doc) {
    document_builder builder{doc};
    // Go stops at the end of the first value when it decodes a stream; what follows is ignored by Consul's handlers.
    outcome = reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseStopWhenDoneFlag>(stream, builder);
    return !outcome.IsError();
  };
  out.doc_.Populate(parse);
  if (outcome.IsError()) return parse_failure(text, outcome);
  return out;
}

error json_mismatch(const json_node& got, std::string_view field, std::string_view go_type) {
  auto kind = std::string(kind_of(got));
  if (kind == "number" && go_type != "string" && go_type != "bool") kind += number_suffix(got);
  if (field.empty()) return {errc::bad_request, fmt::format("json: cannot unmarshal {} into Go value of type {}", kind, go_type)};
  return {errc::bad_request, fmt::format("json: cannot unmarshal {} into Go struct field .{} of type {}", kind, field, go_type)};
}

status json_decode_duration(const json_node& n, nanos& out, std::string_view field) {
  if (n.IsString()) {
    auto d = parse_duration({n.GetString(), n.GetStringLength()});
    if (!d) return d.err();
    out = *d;
    return {};
  }
  if (!n.IsNumber()) return json_mismatch(n, field, "time.Duration");
  out = n.IsInt64() ? nanos{n.GetInt64()} : nanos{static_cast<int64_t>(n.GetDouble())};
  return {};
}

status json_decode_free(const json_node& n, free_value& out, int depth) {
  if (depth > 100) return error{errc::bad_request, "exceeded max depth"};
  if (n.IsBool()) out.v = n.GetBool();
  else if (n.IsNumber()) out.v = n.GetDouble(); // Go reads every number of a free-form value as float64
  else if (n.IsString()) out.v = std::string(n.GetString(), n.GetStringLength());
  else if (n.IsArray()) {
    auto& list = out.v.emplace<free_value::list>();
    for (auto& e : n.GetArray())
      if (auto s = json_decode_free(e, list.emplace_back(), depth + 1); !s) return s;
  } else if (n.IsObject()) {
    auto& object = out.v.emplace<free_value::object>();
    for (auto& m : n.GetObject())
      if (auto s = json_decode_free(m.value, object[std::string(m.name.GetString(), m.name.GetStringLength())], depth + 1); !s) return s;
  } else {
    out.v = std::monostate{};
  }
  return {};
}

void json_encode_free(json_writer& w, const free_value& x) {
  if (auto* b = std::get_if<bool>(&x.v)) w.boolean(*b);
  else if (auto* i = std::get_if<int64_t>(&x.v)) w.number(*i);
  else if (auto* u = std::get_if<uint64_t>(&x.v)) w.number(*u);
  else if (auto* d = std::get_if<double>(&x.v)) w.number(*d);
  else if (auto* s = std::get_if<std::string>(&x.v)) w.string(*s);
  else if (auto* l = std::get_if<free_value::list>(&x.v)) {
    w.begin_array();
    for (auto& e : *l) json_encode_free(w, e);
    w.end_array();
  } else if (auto* o = std::get_if<free_value::object>(&x.v)) {
    w.begin_object();
    for (auto& [k, v] : *o) {
      w.key(k);
      json_encode_free(w, v);
    }
    w.end_object();
  } else {
    w.null();
  }
}

std::string format_wall_time(const wall_time& t) {
  auto offset = t.zone_minutes == -1 ? 0 : t.zone_minutes;
  auto seconds = static_cast<time_t>(t.seconds + offset * 60);
  tm c{};
  gmtime_r(&seconds, &c);
  auto out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", c.tm_year + 1900, c.tm_mon + 1, c.tm_mday, c.tm_hour, c.tm_min, c.tm_sec);
  if (t.nanos != 0) {
    auto frac = fmt::format(".{:09}", t.nanos);
    while (frac.back() == '0') frac.pop_back();
    out += frac;
  }
  if (offset == 0) return out + "Z";
  return out + fmt::format("{}{:02}:{:02}", offset < 0 ? '-' : '+', std::abs(offset) / 60, std::abs(offset) % 60);
}

bool parse_wall_time(std::string_view text, wall_time& out) {
  std::string s(text);
  int y, mo, d, h, mi, sec, used = 0;
  if (std::sscanf(s.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &y, &mo, &d, &h, &mi, &sec, &used) != 6) return false;
  if (mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || sec > 60) return false;
  auto rest = s.substr(static_cast<size_t>(used));
  int64_t fraction = 0;
  if (!rest.empty() && rest[0] == '.') {
    size_t i = 1;
    for (int64_t unit = 100'000'000; i < rest.size() && std::isdigit(static_cast<unsigned char>(rest[i])); ++i, unit /= 10) fraction += (rest[i] - '0') * unit;
    if (i == 1) return false;
    rest = rest.substr(i);
  }
  int oh = 0, om = 0;
  out.zone_minutes = -1;
  int sign = 1;
  if (rest != "Z") {
    if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || std::sscanf(rest.c_str() + 1, "%2d:%2d", &oh, &om) != 2) return false;
    sign = rest[0] == '-' ? -1 : 1;
    out.zone_minutes = static_cast<int16_t>(sign * (oh * 60 + om));
  }
  out.seconds = days_from_civil(y, static_cast<unsigned>(mo), static_cast<unsigned>(d)) * 86400 + h * 3600 + mi * 60 + sec - sign * (oh * 60 + om) * 60;
  out.nanos = static_cast<int32_t>(fraction);
  return true;
}

} // namespace actord
