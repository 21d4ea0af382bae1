// What the host says about itself: name, limits, interfaces, default route.
#include "runtime/config/loader.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <bit>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <ifaddrs.h>
#include <limits.h>
#include <map>
#include <net/if.h>
#include <net/route.h>
#include <netpacket/packet.h>
#include <sstream>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace actord {
namespace {

std::string hardware_text(const sockaddr_ll& link) {
  std::string out;
  bool any = false;
  for (int i = 0; i < std::min<int>(link.sll_halen, sizeof link.sll_addr); ++i) {
    out += fmt::format("{}{:02x}", i ? ":" : "", link.sll_addr[i]);
    any |= link.sll_addr[i] != 0;
  }
  return any ? out : ""; // the loopback's is all zeros, and is none
}

unsigned mtu_of(int socket, const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  return socket >= 0 && ioctl(socket, SIOCGIFMTU, &request) == 0 ? static_cast<unsigned>(request.ifr_mtu) : 0;
}

int mask_length(const sockaddr* mask) {
  if (!mask) return -1;
  int bits = 0;
  const auto count = [&](const void* bytes, size_t size) {
    for (size_t i = 0; i < size; ++i) bits += std::popcount(static_cast<const unsigned char*>(bytes)[i]);
  };
  if (mask->sa_family == AF_INET) count(&reinterpret_cast<const sockaddr_in*>(mask)->sin_addr, 4);
  else if (mask->sa_family == AF_INET6) count(&reinterpret_cast<const sockaddr_in6*>(mask)->sin6_addr, 16);
  else return -1;
  return bits;
}

bool read_address(const ifaddrs& i, host_facts::interface_address& out) {
  char text[INET6_ADDRSTRLEN] = {};
  const int family = i.ifa_addr->sa_family;
  const void* bytes = nullptr;
  if (family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in*>(i.ifa_addr)->sin_addr;
  else if (family == AF_INET6) bytes = &reinterpret_cast<const sockaddr_in6*>(i.ifa_addr)->sin6_addr;
  if (!bytes || !inet_ntop(family, bytes, text, sizeof text)) return false;
  out.name = i.ifa_name;
  out.name = out.name.substr(0, out.name.find(':')); // eth0:1 is a label of eth0
  out.ip = text;
  out.up = (i.ifa_flags & IFF_UP) != 0;
  out.loopback = (i.ifa_flags & IFF_LOOPBACK) != 0;
  out.broadcast = (i.ifa_flags & IFF_BROADCAST) != 0;
  out.point_to_point = (i.ifa_flags & IFF_POINTOPOINT) != 0;
  out.multicast = (i.ifa_flags & IFF_MULTICAST) != 0;
  out.prefix_length = mask_length(i.ifa_netmask);
  out.index = if_nametoindex(out.name.c_str());
  return true;
}

void read_interfaces(host_facts& out) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return;
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  std::map<std::string, std::string> hardware;
  for (auto* i = list; i; i = i->ifa_next) {
    if (!i->ifa_addr) continue;
    if (i->ifa_addr->sa_family == AF_PACKET) hardware[i->ifa_name] = hardware_text(*reinterpret_cast<const sockaddr_ll*>(i->ifa_addr));
    host_facts::interface_address address;
    if (!read_address(*i, address)) continue;
    address.mtu = mtu_of(socket, address.name);
    address.hardware = hardware[address.name];
    out.interfaces.push_back(std::move(address));
  }
  if (socket >= 0) ::close(socket);
  freeifaddrs(list);
  // The kernel lists all of IPv4 before IPv6; Go lists interface by interface.
  std::ranges::stable_sort(out.interfaces, {}, &host_facts::interface_address::index);
}

// The first default route through a gateway of the kernel's table, in its order.
std::string read_default_interface() {
  std::ifstream table("/proc/net/route");
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string name, destination, gateway, reference, use, metric, mask;
    unsigned flags = 0;
    words >> name >> destination >> gateway >> std::hex >> flags >> reference >> use >> metric >> mask;
    if (destination == "00000000" && mask == "00000000" && (flags & RTF_GATEWAY) != 0 && (flags & RTF_UP) != 0) return name;
  }
  return {};
}

} // namespace

host_facts read_host_facts() {
  host_facts out;
  char name[HOST_NAME_MAX + 1] = {};
  if (gethostname(name, HOST_NAME_MAX) == 0) out.hostname = name;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max != RLIM_INFINITY && limit.rlim_max <= INT64_MAX)
    out.max_open_files = static_cast<int64_t>(limit.rlim_cur);
  read_interfaces(out);
  out.default_interface = read_default_interface();
  return out;
}

} // namespace actord
