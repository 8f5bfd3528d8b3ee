import { describe, expect, test } from "vitest";
import {
  acknowledgedErrno,
  deleteLink,
  getLink,
  ipv4Bytes,
  newAddress,
  newRoute,
  newVeth,
  setLinkUp,
  splitMessages,
} from "./netlink.ts";

describe("netlink messages are those that `ip` sends", () => {
  test("deleteLink() names the link: RTM_DELLINK with IFLA_IFNAME", () => {
    const header = ["2c000000", "1100", "0500", "01000000", "00000000"].join("");
    const link = "00".repeat(16);
    const name = ["0a00", "0300", Buffer.from("veth0\0").toString("hex"), "0000"].join("");
    expect(deleteLink("veth0").toString("hex")).toBe(header + link + name);
  });

  test("setLinkUp() changes the one flag", () => {
    const message = setLinkUp(7);
    expect([
      message.readUInt16LE(4),
      message.readInt32LE(20),
      message.readUInt32LE(24),
      message.readUInt32LE(28),
    ]).toEqual([16, 7, 1, 1]);
  });

  test.each([
    ["getLink", getLink("eth0")],
    ["newVeth", newVeth("host0", "eth0", 33, 1400)],
    ["newAddress", newAddress(2, "10.1.2.3", 32)],
    ["newRoute", newRoute({ destination: "default", gateway: "10.1.2.1", interfaceIndex: 2 })],
  ])("%s() states its own length and asks for an acknowledgement", (_, message) => {
    expect(message.readUInt32LE(0)).toBe(message.length);
    expect(message.length % 4).toBe(0);
    expect(message.readUInt16LE(6) & 0x5).toBe(0x5);
  });

  test("newRoute() to a pod is on the link, through a gateway it is not", () => {
    const scope = (message: Buffer): number => message.readUInt8(16 + 6);
    expect(scope(newRoute({ destination: "10.1.2.3/32", interfaceIndex: 2 }))).toBe(253);
    expect(scope(newRoute({ destination: "default", gateway: "10.1.2.1", interfaceIndex: 2 }))).toBe(0);
  });

  test("splitMessages() parts what arrives together, and acknowledgements carry their errno", () => {
    const acknowledgement = Buffer.alloc(36);
    acknowledgement.writeUInt32LE(36, 0);
    acknowledgement.writeUInt16LE(2, 4);
    acknowledgement.writeInt32LE(-17, 16);
    const both = Buffer.concat([setLinkUp(1), acknowledgement]);
    expect(splitMessages(both).map(acknowledgedErrno)).toEqual([undefined, 17]);
  });

  test.each(["10.1.2", "10.1.2.256", "a.b.c.d", "10.1.2.3.4"])("ipv4Bytes() refuses %s", (address) => {
    expect(() => ipv4Bytes(address)).toThrow("is not an IPv4 address");
  });
});
