// A charging station with a car on it, and the car's own meter: an independent peer.
//
//   node station.js --csms ws://127.0.0.1:9000 --id EV1 --meter-port 9001 [--ignore]
//
// OCPP 1.6J by `ocpp-rpc` in strict mode: every message of either side is held against the
// OCA's JSON schemas. Modbus TCP by `modbus-serial`. With --ignore it accepts every limit and
// charges on. SIGTERM ends it: exit 0, or 3 if strict mode complained of anything.
'use strict';

const { parseArgs } = require('node:util');
const { RPCClient, createRPCError } = require('ocpp-rpc');
const { Car } = require('./car.js');
const { serveMeter } = require('./meter.js');
const { Profiles } = require('./profiles.js');

const { values: args } = parseArgs({
  options: {
    csms: { type: 'string' },
    id: { type: 'string' },
    'meter-port': { type: 'string' },
    ignore: { type: 'boolean', default: false },
  },
});

const MOST_A = 32;
const OWN_METER_GAIN = 1.003;
const RETRY_MS = 500;
const car = new Car(MOST_A);
const profiles = new Profiles(MOST_A);
const complaints = [];
const settings = new Map([
  ['MeterValueSampleInterval', '60'],
  ['MeterValuesSampledData', 'Power.Active.Import'],
  ['ChargeProfileMaxStackLevel', '8'],
]);
const MEASURANDS = {
  'Power.Active.Import': () => [car.powerW() * OWN_METER_GAIN, 'W'],
  'Energy.Active.Import.Register': () => [car.energyWh() * OWN_METER_GAIN, 'Wh'],
  'Current.Import': () => [car.currentA(), 'A'],
  'Current.Offered': () => [offeredA(), 'A'],
  Voltage: () => [car.voltageV(), 'V'],
};

let transaction = null;
let booted = false;
let sampling = null;
let ending = false;

const client = new RPCClient({
  endpoint: args.csms,
  identity: args.id,
  protocols: ['ocpp1.6'],
  strictMode: true,
  respondWithDetailedErrors: true,
  backoff: { initialDelay: RETRY_MS, maxDelay: 2 * RETRY_MS, factor: 1.5 },
});

const now = () => new Date().toISOString();
const offeredA = () => (args.ignore ? MOST_A : profiles.limitA(transaction));

function complain(what) {
  complaints.push(what);
  console.error(`complaint: ${what}`);
}

client.on('strictValidationFailure', ({ messageId, method, error }) =>
  complain(`${method} (${messageId}): ${error.message} ${JSON.stringify(error.details ?? {})}`));
client.on('badMessage', ({ error }) => complain(`bad message: ${error.message}`));

async function say(method, params) {
  try {
    return await client.call(method, params);
  } catch (error) {
    if (!ending && !/disconnect|not connected/i.test(error.message)) {
      complain(`${method}: ${error.message}`);
    }
    return null;
  }
}

const tellBoot = () => say('BootNotification', {
  chargePointVendor: 'Peer', chargePointModel: 'JS 1', chargePointSerialNumber: 'P-1',
  firmwareVersion: '1.0',
});

const tellStatus = (connectorId) => say('StatusNotification', {
  connectorId,
  errorCode: 'NoError',
  status: connectorId === 0 ? 'Available' : 'Charging',
  timestamp: now(),
});

function tellMeterValues(context) {
  const wanted = settings.get('MeterValuesSampledData').split(',');
  const sampledValue = wanted.map((measurand) => {
    const [value, unit] = MEASURANDS[measurand]();
    return { value: value.toFixed(2), measurand, unit, context };
  });
  return say('MeterValues', {
    connectorId: 1,
    ...(transaction === null ? {} : { transactionId: transaction }),
    meterValue: [{ timestamp: now(), sampledValue }],
  });
}

function sampleAnew() {
  clearInterval(sampling);
  const everyMs = 1000 * Number(settings.get('MeterValueSampleInterval'));
  sampling = setInterval(() => tellMeterValues('Sample.Periodic'), everyMs);
}

// A station that only reconnects does not boot again (OCPP-J 1.6, 5.4).
client.on('open', async () => {
  if (booted) return;
  booted = true;
  await tellBoot();
  await tellStatus(0);
  await tellStatus(1);
  const answer = await say('StartTransaction', {
    connectorId: 1, idTag: 'PEER', meterStart: 0, timestamp: now(),
  });
  transaction = answer?.transactionId ?? null;
  sampleAnew();
});

client.handle('GetConfiguration', () => ({
  configurationKey: [...settings].map(([key, value]) => ({
    key, value, readonly: key === 'ChargeProfileMaxStackLevel',
  })),
}));

client.handle('ChangeConfiguration', ({ params: { key, value } }) => {
  if (!settings.has(key)) return { status: 'NotSupported' };
  if (key === 'ChargeProfileMaxStackLevel') return { status: 'Rejected' };
  if (key === 'MeterValuesSampledData' && !value.split(',').every((m) => m in MEASURANDS)) {
    return { status: 'Rejected' };
  }
  settings.set(key, value);
  if (key === 'MeterValueSampleInterval') sampleAnew();
  return { status: 'Accepted' };
});

client.handle('TriggerMessage', ({ params: { requestedMessage } }) => {
  const tell = {
    BootNotification: tellBoot,
    StatusNotification: () => tellStatus(1),
    MeterValues: () => tellMeterValues('Trigger'),
  }[requestedMessage];
  if (tell === undefined) return { status: 'NotImplemented' };
  setImmediate(tell);
  return { status: 'Accepted' };
});

client.handle('SetChargingProfile', ({ params: { csChargingProfiles } }) => {
  if (csChargingProfiles.chargingSchedule.chargingRateUnit !== 'A') {
    return { status: 'Rejected' };
  }
  profiles.install(csChargingProfiles);
  car.offer(offeredA());
  return { status: 'Accepted' };
});

client.handle('ClearChargingProfile', ({ params: { id } }) => {
  const found = profiles.clear(id);
  car.offer(offeredA());
  return { status: found ? 'Accepted' : 'Unknown' };
});

client.handle('GetCompositeSchedule', ({ params: { duration } }) => ({
  status: 'Accepted',
  connectorId: 1,
  scheduleStart: now(),
  chargingSchedule: {
    duration,
    chargingRateUnit: 'A',
    chargingSchedulePeriod: [{ startPeriod: 0, limit: profiles.limitA(transaction) }],
  },
}));

client.handle(({ method }) => {
  throw createRPCError('NotImplemented', `${method} is not for this station`);
});

async function connect() {
  try {
    await client.connect();
  } catch {
    if (!ending) setTimeout(connect, RETRY_MS); // the CSMS is not there yet
  }
}

const meter = serveMeter(car, Number(args['meter-port']), () => {
  console.log(`meter on ${args['meter-port']}, dialling ${args.csms}/${args.id}`);
  connect();
});

process.on('SIGTERM', () => {
  ending = true;
  console.log(complaints.length ? `${complaints.length} complaints` : 'no complaint');
  process.exitCode = complaints.length ? 3 : 0;
  meter.close(() => {});
  client.close({ force: true }).finally(() => process.exit());
});
