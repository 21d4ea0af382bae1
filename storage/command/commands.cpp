#include "storage/command/commands.hpp"

namespace actord {

std::string encode_kv_command(std::string_view op, std::string_view key, std::string_view value, uint64_t flags,
                              uint64_t cas_index, std::string_view session) {
  std::string out;
  out.reserve(128 + key.size() + value.size() + session.size());
  out += static_cast<char>(command_kind::kv);
  msgpack_writer w(out);
  w.map(4);
  w.raw("Datacenter");
  w.raw("");
  w.raw("DirEnt");
  w.map(7);
  w.raw("CreateIndex");
  w.number(uint64_t{0});
  w.raw("Flags");
  w.number(flags);
  w.raw("Key");
  w.raw(key);
  w.raw("LockIndex");
  w.number(uint64_t{0});
  w.raw("ModifyIndex");
  w.number(cas_index);
  w.raw("Session");
  w.raw(session);
  w.raw("Value");
  if (value.empty()) w.nil();
  else w.raw(value);
  w.raw("Op");
  w.raw(op);
  w.raw("Token");
  w.raw("");
  return out;
}

} // namespace actord
