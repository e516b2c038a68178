#include "remedy/destroy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <cstring>

#include "remedy/fixtures.h"
#include "remedy/ledger.h"

namespace sockdog {
namespace {

using Bytes = std::vector<std::byte>;

DiagSocket socket_to(const char* remote, std::uint64_t inode, std::uint32_t unread = 1) {
    DiagSocket socket;
    socket.family = AF_INET;
    socket.local = *parse_endpoint("127.0.0.1:40000");
    socket.remote = *parse_endpoint(remote);
    socket.state = TcpState::kCloseWait;
    socket.recv_queue_bytes = unread;
    socket.inode = inode;
    return socket;
}

template <typename T>
Bytes message(std::uint16_t type, std::uint32_t sequence, const T& body) {
    nlmsghdr header{};
    header.nlmsg_len = NLMSG_HDRLEN + sizeof body;
    header.nlmsg_type = type;
    header.nlmsg_seq = sequence;
    Bytes bytes(NLMSG_ALIGN(header.nlmsg_len));
    std::memcpy(bytes.data(), &header, sizeof header);
    std::memcpy(bytes.data() + NLMSG_HDRLEN, &body, sizeof body);
    return bytes;
}

Bytes socket_message(std::uint32_t sequence) {
    inet_diag_msg body{};
    body.idiag_family = AF_INET;
    body.idiag_state = 8;
    body.id.idiag_sport = htons(40000);
    body.id.idiag_dport = htons(25555);
    body.id.idiag_src[0] = body.id.idiag_dst[0] = htonl(INADDR_LOOPBACK);
    body.id.idiag_cookie[0] = 7;
    body.id.idiag_cookie[1] = 1;
    body.idiag_rqueue = 32;
    body.idiag_inode = 4711;
    return message(SOCK_DIAG_BY_FAMILY, sequence, body);
}

template <typename T>
T part_of(const Bytes& bytes, std::size_t at) {
    T value;
    EXPECT_LE(at + sizeof value, bytes.size());
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

TEST(SockDiag, AsksForCloseWaitAlone) {
    const Bytes bytes = encode_close_wait_dump(AF_INET6, 5);
    const auto header = part_of<nlmsghdr>(bytes, 0);
    const auto body = part_of<inet_diag_req_v2>(bytes, NLMSG_HDRLEN);
    EXPECT_EQ(header.nlmsg_len, bytes.size());
    EXPECT_EQ(header.nlmsg_type, SOCK_DIAG_BY_FAMILY);
    EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
    EXPECT_EQ(header.nlmsg_seq, 5U);
    EXPECT_EQ(body.sdiag_family, AF_INET6);
    EXPECT_EQ(body.sdiag_protocol, IPPROTO_TCP);
    EXPECT_EQ(body.idiag_states, 1U << 8U);
}

TEST(SockDiag, DestroysByTheTupleAndCookieThatItWasTold) {
    auto part = decode_diag(socket_message(3), 3);
    ASSERT_TRUE(part && part->sockets.size() == 1);
    const DiagSocket& socket = part->sockets.front();
    EXPECT_EQ(socket.local.to_string(), "127.0.0.1:40000");
    EXPECT_EQ(socket.remote.to_string(), "127.0.0.1:25555");
    EXPECT_EQ(socket.state, TcpState::kCloseWait);
    EXPECT_EQ(socket.recv_queue_bytes, 32U);
    EXPECT_EQ(socket.inode, 4711U);
    EXPECT_EQ(socket.cookie(), (1ULL << 32U) + 7);
    const Bytes bytes = encode_destroy(socket, 4);
    const auto header = part_of<nlmsghdr>(bytes, 0);
    const auto body = part_of<inet_diag_req_v2>(bytes, NLMSG_HDRLEN);
    EXPECT_EQ(header.nlmsg_type, SOCK_DESTROY);
    EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK) << "one socket, never a dump";
    EXPECT_EQ(std::memcmp(&body.id, &socket.id, sizeof body.id), 0);
    EXPECT_EQ(body.sdiag_family, AF_INET);
    EXPECT_EQ(body.idiag_states, 1U << 8U);
}

TEST(SockDiag, ReadsItsEndAndErrors) {
    const auto done = decode_diag(message(NLMSG_DONE, 1, int{0}), 1);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->end, 0);
    EXPECT_EQ(decode_diag(message(NLMSG_DONE, 1, int{-EINTR}), 1)->end, EINTR);
    nlmsgerr refused{};
    refused.error = -EPERM;
    EXPECT_EQ(decode_diag(message(NLMSG_ERROR, 1, refused), 1)->end, EPERM);
    refused.error = 0;
    EXPECT_EQ(decode_diag(message(NLMSG_ERROR, 1, refused), 1)->end, 0) << "an acknowledgement";
}

TEST(SockDiag, SkipsWhatAnswersAnotherQuestion) {
    const auto part = decode_diag(socket_message(2), 3);
    ASSERT_TRUE(part);
    EXPECT_TRUE(part->sockets.empty());
    EXPECT_FALSE(part->end);
}

TEST(SockDiag, IsNotFooledByMessagesThatAreCutShort) {
    const Bytes whole = socket_message(1);
    for (std::size_t length = 1; length < NLMSG_HDRLEN + sizeof(inet_diag_msg); ++length)
        EXPECT_FALSE(decode_diag(std::span(whole).first(length), 1)) << length;
    Bytes lies = whole;
    for (const std::uint32_t length : {0U, 4U, 1U << 20U, UINT32_MAX}) {
        std::memcpy(lies.data(), &length, sizeof length);
        EXPECT_FALSE(decode_diag(lies, 1)) << length;
    }
    EXPECT_FALSE(decode_diag(message(SOCK_DIAG_BY_FAMILY, 1, int{0}), 1));
    EXPECT_FALSE(decode_diag(message(NLMSG_ERROR, 1, int{0}), 1));
}

TEST(Destroy, ChoosesUnreadCloseWaitOfTheProcessAndTheEndpoint) {
    const Finding finding = testing::incident_of().latest;  // to 127.0.0.1:25555
    DiagSocket established = socket_to("127.0.0.1:25555", 1);
    established.state = TcpState::kEstablished;
    DiagSocket mapped = socket_to("127.0.0.1:25555", 2);
    mapped.remote.family = AF_INET6;
    mapped.remote.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
    const std::vector<DiagSocket> sockets{
        established,
        socket_to("127.0.0.1:25555", 1),     // chosen
        mapped,                              // chosen: the same endpoint, mapped into IPv6
        socket_to("127.0.0.1:25555", 1, 0),  // its end was read
        socket_to("127.0.0.1:25556", 1),     // elsewhere
        socket_to("127.0.0.2:25555", 1),     // elsewhere
        socket_to("127.0.0.1:25555", 3),     // another process's
        socket_to("127.0.0.1:25555", 0),     // nobody's
    };
    const DestroyPlan plan = choose_doomed(sockets, {0, 1, 2}, finding);
    ASSERT_EQ(plan.chosen.size(), 2U);
    EXPECT_EQ(plan.chosen[0].inode, 1U);
    EXPECT_EQ(plan.chosen[1].inode, 2U);
    EXPECT_EQ(plan.already_read, 1U);
    EXPECT_EQ(plan.elsewhere, 2U);
    EXPECT_FALSE(plan.permitted);
}

TEST(Destroy, GoesByTheLocalEndOfAcceptedSocketsAndTakesAnyWithoutAnEndpoint) {
    Finding finding = testing::incident_of().latest;
    finding.role = SocketRole::kAccepted;
    finding.endpoint = *parse_endpoint("127.0.0.1:40000");
    const std::vector<DiagSocket> sockets{socket_to("10.0.0.1:1", 1), socket_to("10.0.0.2:2", 1)};
    EXPECT_EQ(choose_doomed(sockets, {1}, finding).chosen.size(), 2U);
    finding.role = SocketRole::kOpened;
    EXPECT_EQ(choose_doomed(sockets, {1}, finding).elsewhere, 2U);
    finding.endpoint = {};
    EXPECT_EQ(choose_doomed(sockets, {1}, finding).chosen.size(), 2U);
}

TEST(Destroy, IsNoResultOfARemedy) {
    // What a person did neither fills a budget nor forgives a failure.
    Incident incident = testing::incident_of();
    incident.remedies = {testing::report_of(RemedyOutcome::kStarted, testing::kStart),
                         testing::report_of(RemedyOutcome::kFailed, testing::kStart),
                         testing::report_of(RemedyOutcome::kByHand, testing::kStart)};
    Ledger ledger;
    EXPECT_TRUE(ledger.restore({incident}).empty());
    ledger.anchor(testing::at(1s));
    EXPECT_EQ(ledger.failures(incident.owner.stable_key()), 1U);
    EXPECT_EQ(ledger.actions_after(MonoTime{}).size(), 1U);
}

}  // namespace
}  // namespace sockdog
