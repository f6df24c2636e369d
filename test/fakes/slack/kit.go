package slack

import "maps"

// newBlockRules writes Block Kit down as far as bots of our kind use it; video, call,
// workflow and work object blocks are unsupported types here.
func newBlockRules() blockRules {
	out := blockRules{blocks: map[surface]map[string]rule{}, views: map[surface]rule{}}
	common := commonBlocks()
	message := maps.Clone(common)
	message["markdown"] = block(fieldsOf{"text": lengthText(1, 12000)}, nil)
	message["table"] = tableBlock()
	message["file"] = block(fieldsOf{"external_id": id(), "source": oneOf("remote")}, nil)
	out.blocks[onMessage], out.blocks[onModal], out.blocks[onHome] = message, common, common
	head := func(more fieldsOf) fieldsOf {
		fields := fieldsOf{"private_metadata": shortText(3000), "callback_id": shortText(255), "external_id": shortText(255)}
		maps.Copy(fields, more)
		return fields
	}
	out.views[onModal] = dictOf(
		fieldsOf{"type": oneOf("modal"), "title": plainText(24), "blocks": items(0, 100, anything)},
		head(fieldsOf{"submit": plainText(24), "close": plainText(24), "clear_on_close": boolean, "notify_on_close": boolean, "submit_disabled": boolean}),
	)
	out.views[onHome] = dictOf(fieldsOf{"type": oneOf("home"), "blocks": items(0, 100, anything)}, head(nil))
	return out
}

// block is a block with its own fields beside type and block_id.
func block(required, optional fieldsOf) rule {
	fields := fieldsOf{"block_id": id()}
	maps.Copy(fields, optional)
	return dictOf(required, fields)
}

func commonBlocks() map[string]rule {
	actions := actionElements()
	inSection := maps.Clone(actions)
	inSection["image"] = imageElement()
	inputs := maps.Clone(actions)
	delete(inputs, "button")
	delete(inputs, "overflow")
	maps.Copy(inputs, inputElements())
	return map[string]rule{
		"section": all(some("text", "fields"), block(nil, fieldsOf{
			"text": anyText(3000), "fields": items(1, 10, anyText(2000)), "accessory": tagged(inSection), "expand": boolean,
		})),
		"header":  block(fieldsOf{"text": plainText(150)}, fieldsOf{"level": numeric(1, 4)}),
		"divider": block(nil, nil),
		"image": all(some("image_url", "slack_file"), block(fieldsOf{"alt_text": lengthText(1, 2000)}, fieldsOf{
			"image_url": address(3000), "slack_file": anything, "title": plainText(2000),
		})),
		"context": block(fieldsOf{"elements": items(1, 10, tagged(map[string]rule{
			"image": imageElement(), "plain_text": anyText(3000), "mrkdwn": anyText(3000),
		}))}, nil),
		"actions": block(fieldsOf{"elements": items(1, 25, tagged(actions))}, nil),
		"input": block(fieldsOf{"label": plainText(2000), "element": tagged(inputs)}, fieldsOf{
			"hint": plainText(2000), "optional": boolean, "dispatch_action": boolean,
		}),
		"rich_text": richBlock(),
	}
}

func imageElement() rule {
	return all(some("image_url", "slack_file"), dictOf(fieldsOf{"alt_text": lengthText(1, 2000)}, fieldsOf{"image_url": address(3000), "slack_file": anything}))
}

func confirmObject() rule {
	return dictOf(fieldsOf{"title": plainText(100), "text": anyText(300), "confirm": plainText(30), "deny": plainText(30)}, fieldsOf{"style": oneOf("primary", "danger")})
}

func option(words rule) rule {
	return dictOf(fieldsOf{"text": words, "value": lengthText(1, 150)}, fieldsOf{"description": anyText(75), "url": address(3000)})
}

// element is an interactive element with its own fields beside action_id.
func element(required, optional fieldsOf) rule {
	fields := fieldsOf{"action_id": id(), "confirm": confirmObject(), "focus_on_load": boolean}
	maps.Copy(fields, optional)
	return dictOf(required, fields)
}

func actionElements() map[string]rule {
	choice := option(plainText(75))
	groups := items(1, 100, dictOf(fieldsOf{"label": plainText(75), "options": items(1, 100, choice)}, nil))
	lists := fieldsOf{"placeholder": plainText(150), "options": items(1, 100, choice), "option_groups": groups}
	with := func(more fieldsOf) fieldsOf { out := maps.Clone(lists); maps.Copy(out, more); return out }
	held := func(more fieldsOf) fieldsOf {
		out := fieldsOf{"placeholder": plainText(150)}
		maps.Copy(out, more)
		return out
	}
	boxes := option(anyText(75))
	ids := items(0, 100, id())
	return map[string]rule{
		"button": element(fieldsOf{"text": plainText(75)}, fieldsOf{
			"url": address(3000), "value": lengthText(1, 2000), "style": oneOf("primary", "danger"), "accessibility_label": lengthText(1, 75),
		}),
		"static_select":        all(either("options", "option_groups"), element(nil, with(fieldsOf{"initial_option": choice}))),
		"multi_static_select":  all(either("options", "option_groups"), element(nil, with(fieldsOf{"initial_options": items(1, 100, choice), "max_selected_items": numeric(1, 100)}))),
		"users_select":         element(nil, held(fieldsOf{"initial_user": id()})),
		"multi_users_select":   element(nil, held(fieldsOf{"initial_users": ids, "max_selected_items": numeric(1, 100)})),
		"channels_select":      element(nil, held(fieldsOf{"initial_channel": id(), "response_url_enabled": boolean})),
		"conversations_select": element(nil, held(fieldsOf{"initial_conversation": id(), "default_to_current_conversation": boolean, "response_url_enabled": boolean, "filter": anything})),
		"overflow":             element(fieldsOf{"options": items(1, 5, choice)}, nil),
		"checkboxes":           element(fieldsOf{"options": items(1, 10, boxes)}, fieldsOf{"initial_options": items(1, 10, boxes)}),
		"radio_buttons":        element(fieldsOf{"options": items(1, 10, boxes)}, fieldsOf{"initial_option": boxes}),
		"datepicker":           element(nil, held(fieldsOf{"initial_date": lengthText(10, 10)})),
		"timepicker":           element(nil, held(fieldsOf{"initial_time": lengthText(5, 5), "timezone": id()})),
	}
}

func inputElements() map[string]rule {
	dispatch := dictOf(nil, fieldsOf{"trigger_actions_on": items(1, 2, oneOf("on_enter_pressed", "on_character_entered"))})
	typed := func(more fieldsOf) fieldsOf {
		out := fieldsOf{"placeholder": plainText(150), "initial_value": lengthText(1, 3000), "dispatch_action_config": dispatch}
		maps.Copy(out, more)
		return out
	}
	number := lengthText(1, 100)
	return map[string]rule{
		"plain_text_input": element(nil, typed(fieldsOf{"multiline": boolean, "min_length": numeric(0, 3000), "max_length": numeric(1, 3000)})),
		"email_text_input": element(nil, typed(nil)),
		"url_text_input":   element(nil, typed(nil)),
		"number_input":     element(fieldsOf{"is_decimal_allowed": boolean}, typed(fieldsOf{"min_value": number, "max_value": number})),
	}
}

func tableBlock() rule {
	cell := tagged(map[string]rule{
		"raw_text":   dictOf(fieldsOf{"text": lengthText(1, maxTableText)}, nil),
		"raw_number": dictOf(fieldsOf{"value": numeric(-1e15, 1e15)}, fieldsOf{"text": shortText(100)}),
		"rich_text":  richBlock(),
	})
	column := dictOf(nil, fieldsOf{"align": oneOf("left", "center", "right"), "is_wrapped": boolean})
	return block(fieldsOf{"rows": items(1, 100, items(1, 20, cell))}, fieldsOf{"column_settings": items(0, 20, column)})
}

func richBlock() rule {
	style := dictOf(nil, fieldsOf{"bold": boolean, "italic": boolean, "strike": boolean, "code": boolean, "underline": boolean, "highlight": boolean, "client_highlight": boolean, "unlink": boolean})
	styled := func(required, optional fieldsOf) rule {
		fields := fieldsOf{"style": style}
		maps.Copy(fields, optional)
		return dictOf(required, fields)
	}
	inline := tagged(map[string]rule{
		"text":      styled(fieldsOf{"text": lengthText(1, 12000)}, nil),
		"link":      styled(fieldsOf{"url": address(3000)}, fieldsOf{"text": lengthText(1, 12000), "unsafe": boolean}),
		"user":      styled(fieldsOf{"user_id": id()}, nil),
		"usergroup": styled(fieldsOf{"usergroup_id": id()}, nil),
		"channel":   styled(fieldsOf{"channel_id": id()}, nil),
		"broadcast": styled(fieldsOf{"range": oneOf("here", "channel", "everyone")}, nil),
		"emoji":     styled(fieldsOf{"name": id()}, fieldsOf{"unicode": id(), "skin_tone": numeric(1, 6)}),
		"date":      styled(fieldsOf{"timestamp": numeric(0, 1e11), "format": id()}, fieldsOf{"url": address(3000), "fallback": id(), "timezone": id()}),
	})
	lines := fieldsOf{"elements": items(0, 1000, inline)}
	border := fieldsOf{"border": numeric(0, 1)}
	section := dictOf(lines, nil)
	return block(fieldsOf{"elements": items(0, 1000, tagged(map[string]rule{
		"rich_text_section":      section,
		"rich_text_preformatted": dictOf(lines, fieldsOf{"border": numeric(0, 1), "language": id()}),
		"rich_text_quote":        dictOf(lines, border),
		"rich_text_list": dictOf(fieldsOf{
			"style": oneOf("bullet", "ordered"), "elements": items(1, 1000, tagged(map[string]rule{"rich_text_section": section})),
		}, fieldsOf{"indent": numeric(0, 8), "offset": numeric(0, 1000), "border": numeric(0, 1)}),
	}))}, nil)
}
